/** vmbuild's turn: the compiled command line, as a user runs it. */
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./setup.js";
import type { Round, Setup } from "./setup.js";
import type { Built } from "./samples.js";
import { checkpointsOf, ownMsOf, parseEvent, phasesOf, stagesOfEvents } from "./stages.js";
import { timeProgram, variableArguments } from "./time.js";

/** One run. */
interface Run {
  /** The template's path. */
  readonly template: string;
  /** The current folder; the round's unless given. */
  readonly cwd?: string;
  /** Variables of the template, instead of an output folder. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The image that comes of it, in the round's output folder. */
  readonly image: string;
  /** XDG_STATE_HOME: what vmbuild remembers. A new one is a host that never built anything. */
  readonly state: string;
  /** Without events, since they would have as much to say as the step does. */
  readonly quiet?: boolean;
}

/** Runs vmbuild on a template. */
export async function runVmbuild({ host, signal }: Setup, round: Round, run: Run): Promise<Built> {
  const { template, cwd = round.folder, variables, state, quiet = false } = run;
  const image = join(round.folder, "output", run.image);
  const args = [
    join(ROOT, "dist", "bin", "vmbuild.js"),
    ...["run", template, "--accel", host.accelerator],
    ...(variables ? variableArguments("--var", variables) : ["--output", join(image, "..")]),
    ...["--log-format", quiet ? "plain" : "json"],
  ];
  const env = { XDG_STATE_HOME: join(round.folder, state), CI: "1" };
  const watch = { signal, env, watchMemory: true, quiet };
  const timed = await timeProgram(process.execPath, args, { cwd, ...watch });
  const events = timed.lines.map(({ text }) => parseEvent(text)).filter((event) => !!event);
  const ownMs = ownMsOf(events);
  const checkpoints = checkpointsOf(events);
  const timing = {
    ms: timed.ms,
    ...(quiet ? {} : { stages: stagesOfEvents(events, timed.ms), phases: phasesOf(events) }),
    ...(ownMs === undefined ? {} : { ownMs }),
    ...(timed.peakBytes === undefined ? {} : { peakBytes: timed.peakBytes }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    imageBytes: (await stat(image)).size,
  };
  return { timing, image };
}

const BENCH = { image: "vmbuild/bench-1.0.0.qcow2", state: "state" };

/** The template as it is. Where the round's state is new, a cold build; else nothing has changed. */
export function buildBench(setup: Setup, round: Round): Promise<Built> {
  return runVmbuild(setup, round, { ...BENCH, template: join(round.image, "vmbuild.json") });
}

/** The same content under another name: all that it shares with the first is the base. */
export async function buildOtherTemplate(setup: Setup, round: Round): Promise<Built> {
  const template = join(round.image, "vmbuild-other.json");
  const text = await readFile(join(round.image, "vmbuild.json"), "utf8");
  await writeFile(template, text.replace('"name": "bench"', '"name": "bench-other"'));
  const image = "vmbuild-other/bench-other-1.0.0.qcow2";
  return runVmbuild(setup, round, { ...BENCH, template, image });
}

/** Changes what the last step does; the line is looked for inside the image. */
export async function changeLastStep(round: Round): Promise<void> {
  await appendFile(
    join(round.image, "files", "configure.sh"),
    "echo changed >>/etc/bench-release\n",
  );
}

/** The repository's demo, on a host that knows its base and nothing else. */
export function buildDemo(setup: Setup, round: Round): Promise<Built> {
  const template = join(round.folder, "appliances", "demo", "demo.json");
  return runVmbuild(setup, round, {
    template,
    image: "demo/demo-1.0.0.qcow2",
    state: "demo-state",
  });
}

/** A build with a step that prints 1 GB. */
export function buildNoise(setup: Setup, round: Round): Promise<Built> {
  const template = join(round.image, "noise.json");
  const image = "noise/bench-noise-1.0.0.qcow2";
  return runVmbuild(setup, round, { template, image, state: "noise-state", quiet: true });
}
