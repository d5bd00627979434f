/** Implements `vmbuild test --installer`: boots a stick's image, and the disk that it has installed. */
import { dirname, resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { identifier, parseDuration, parseSize } from "../fields.js";
import { planOutput } from "../requirements/plan.js";
import { stickImage } from "../stick/stick.js";
import { combinationsOf } from "../stick/test/matrix.js";
import { testStick } from "../stick/test/test-stick.js";
import type { StickTest } from "../stick/test/test-stick.js";
import { createReporter, createReportOutput } from "./acceptance-output.js";
import type { StickTestOptions } from "./commands/stick-test-options.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import { shortPath } from "./short-path.js";
import type { TestFlags } from "./test.js";

/** Flags of the command. */
export type StickTestFlags = TestFlags & StickTestOptions;

/** Options that need `--installer`. */
const ONLY_WITH = {
  firmware: "--firmware",
  target: "--target",
  targetSize: "--target-size",
  again: "--again",
  prompt: "--prompt",
  timeout: "--timeout",
  logs: "--logs",
} as const;

/** Options of other tests. */
const ONLY_WITHOUT = {
  context: "--context",
  seed: "--seed",
  output: "--output",
  console: "--console",
} as const;

/** Returns the options that are given. */
function given<Name extends string>(
  flags: Readonly<Partial<Record<NoInfer<Name>, unknown>>>,
  names: Readonly<Record<Name, string>>,
): string[] {
  const found: string[] = [];
  for (const name in names) if (flags[name] !== undefined) found.push(names[name]);
  return found;
}

/**
 * Returns whether a stick is tested, and refuses options that would have no effect.
 * @throws {VmbuildError} USAGE.
 */
export function testsStick(flags: StickTestFlags): boolean {
  const isStick = flags.installer !== undefined;
  const [useless] = isStick ? given(flags, ONLY_WITHOUT) : given(flags, ONLY_WITH);
  if (useless === undefined) return isStick;
  throw new VmbuildError(
    "USAGE",
    `${useless} ${isStick ? "has no effect with" : "is valid with"} --installer${isStick ? "" : " only"}`,
    {
      hint:
        useless === "--console"
          ? "Consoles are written to the folder of --logs."
          : "Leave one of the two out.",
    },
  );
}

/** Default size of the empty disk. It takes only what is written to it. Bytes. */
const TARGET_SIZE = 64 * 2 ** 30;
/** Default time limit of one start. Milliseconds. */
const TIMEOUT_MS = 30 * 60_000;
/** Least and default memory of the machine: the live system is in memory. Bytes. */
const LEAST_MEMORY = 2 ** 30;
const MEMORY = 2 * LEAST_MEMORY;

/** Reads an option that has a unit. */
function measure(
  [option, text, example]: readonly [string, string | undefined, string],
  parse: (text: string) => number | undefined,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  const value = parse(text);
  if (value !== undefined && value > 0) return value;
  const what = parse === parseSize ? "size" : "time";
  throw new VmbuildError("USAGE", `${option} ${text} is not a ${what}`, {
    hint: `Use a ${what} such as ${example}.`,
  });
}

type Subject = Pick<StickTest, "stick" | "about" | "machine" | "isSigned" | "accelerator"> & {
  readonly secrets: readonly string[];
};

/** Describes a stick whose image is given; its name is free. */
function subjectOfFile(name: string, file: string, flags: StickTestFlags): Subject {
  if (!identifier.safeParse(name).success) {
    throw new VmbuildError("USAGE", `${JSON.stringify(name)} is not a valid name of a stick`, {
      hint: "Use letters, digits, dots, dashes and underscores.",
    });
  }
  const accelerator: StickTest["accelerator"] = flags.accel ?? "auto";
  const memory = measure(["--memory", flags.memory, "4G"], parseSize, MEMORY);
  return {
    stick: resolve(file),
    about: { name },
    machine: { name, memory: Math.max(memory, LEAST_MEMORY), cpus: flags.cpus ?? 2 },
    accelerator,
    isSigned: false,
    secrets: [],
  };
}

/** Finds the stick, and the machine that it is tested in. */
async function subjectOf(name: string, flags: StickTestFlags): Promise<Subject> {
  if (typeof flags.installer === "string") return subjectOfFile(name, flags.installer, flags);
  const template = await loadFromFlags(name, flags);
  const { machine, version, secrets } = template;
  const { folder } = planOutput(template);
  return {
    stick: stickImage(dirname(folder), template.name),
    about: { name: template.name, version },
    machine: {
      name: template.name,
      memory: Math.max(machine.memory, LEAST_MEMORY),
      cpus: machine.cpus,
    },
    accelerator: machine.accelerator,
    isSigned: machine.secureBoot,
    secrets,
  };
}

/** Runs the command; returns 0, or 8 when a combination failed. */
export async function testInstaller(name: string, flags: StickTestFlags): Promise<number> {
  const output = createReportOutput(flags);
  const combinations = combinationsOf(flags.firmware, flags.target);
  const targetSize = measure(["--target-size", flags.targetSize, "480G"], parseSize, TARGET_SIZE);
  const timeoutMs = measure(["--timeout", flags.timeout, "45m"], parseDuration, TIMEOUT_MS);
  const { secrets: values, ...subject } = await subjectOf(name, flags);
  await requireOptionFile("--junit", flags.junit, subject.stick);
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  const bus = createBus(subject.about.name, secrets, [await output.createSink()]);
  const { name: title, version } = subject.about;
  const reporter = createReporter(output, secrets, flags, {
    title: `${title}${version === undefined ? "" : ` ${version}`}, installer stick`,
    subject: `Stick: ${shortPath(subject.stick)}`,
  });
  try {
    const report = await interruptible((signal) =>
      testStick({
        ...subject,
        combinations,
        targetSize,
        timeoutMs,
        again: flags.again ?? false,
        prompt: flags.prompt,
        logs: flags.logs === undefined ? undefined : resolve(flags.logs),
        emit: bus.emit,
        signal,
        onRound: (round) => reporter.onRound(round),
        onResult: (result) => reporter.onResult(result),
      }),
    );
    return await reporter.finish(report);
  } finally {
    await bus.close();
  }
}
