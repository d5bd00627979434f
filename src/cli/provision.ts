/** Implements `vmbuild provision`: runs a template's steps on existing machines. */
import { resolve } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import type { ProvisionResult } from "../events/result.js";
import { Secrets } from "../events/secrets.js";
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import type { RunEvent, Sink } from "../events/types.js";
import { parseDuration } from "../fields.js";
import { formatDuration } from "../host/format.js";
import { parseHostSpec, recordName } from "../provision/host-spec.js";
import type { HostSpec } from "../provision/host-spec.js";
import { provision } from "../provision/provision.js";
import { selectSteps } from "../provision/steps.js";
import type { Template } from "../template/load.js";
import { interruptible } from "./interrupt.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { secretFromEnvironment } from "./secret-option.js";
import { alignRows, countOf } from "./table.js";

/** Flags of the command. */
export interface ProvisionFlags extends TemplateFlags, OutputFlags {
  readonly host: readonly string[];
  readonly steps?: readonly string[];
  readonly verifyOnly?: boolean;
  readonly skipSatisfied?: boolean;
  readonly acceptNew?: boolean;
  readonly sshConfig?: string;
  readonly passwordEnv?: string;
  readonly wait: string;
  readonly parallel: number;
  readonly offline?: boolean;
  readonly json?: boolean;
}

/** Machine, and what came of it; without `end`, the command was interrupted before. */
export interface Outcome {
  readonly host: HostSpec;
  readonly end?: { readonly result: ProvisionResult } | { readonly error: VmbuildError };
  /** Folder of the run; undefined when none began. */
  readonly runFolder?: string | undefined;
  /** Milliseconds. */
  readonly durationMs: number;
}

/** Values of the flags that need to be parsed. */
interface Parsed {
  readonly hosts: readonly HostSpec[];
  readonly steps: readonly string[] | undefined;
  readonly waitMs: number;
  readonly password: string | undefined;
  readonly configFile: string | undefined;
}

function parseHosts(template: Template, texts: readonly string[]): HostSpec[] {
  const hosts = texts.map((text) => parseHostSpec(text, "--host"));
  const names = hosts.map((host) => recordName(template.name, host));
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice === -1) return hosts;
  throw new VmbuildError("USAGE", `--host ${texts[twice]} names the same machine twice`);
}

/**
 * Parses the flags that name machines, steps and times.
 * @throws {VmbuildError} USAGE.
 */
export function parseFlags(template: Template, flags: ProvisionFlags): Parsed {
  const waitMs = parseDuration(flags.wait);
  if (waitMs === undefined) {
    throw new VmbuildError("USAGE", `--wait ${flags.wait} is not a valid duration`, {
      hint: "Use for example --wait 5m",
    });
  }
  const { sshConfig } = flags;
  if (sshConfig === "") throw new VmbuildError("USAGE", "--ssh-config: the file path is empty");
  const steps = flags.steps?.flatMap((names) => names.split(",")).map((name) => name.trim());
  // Unknown names are reported before anything is connected.
  selectSteps(template, steps);
  return {
    hosts: parseHosts(template, flags.host),
    steps,
    waitMs,
    password: secretFromEnvironment("--password-env", flags.passwordEnv),
    // The configuration `none` stands for no file (ssh(1), -F).
    configFile: sshConfig === undefined || sshConfig === "none" ? sshConfig : resolve(sshConfig),
  };
}

/** Display of all machines of one command. */
interface Display {
  readonly view: Sink;
  /** Summaries of the machines, which are printed at the end. */
  readonly summaries: Summary[];
}

async function provisionOne(
  template: Template,
  host: HostSpec,
  { flags, parsed, display }: { flags: ProvisionFlags; parsed: Parsed; display: Display },
  signal: AbortSignal,
): Promise<Outcome> {
  const started = performance.now();
  const secrets = new Secrets();
  const summary = createSummary();
  // The view is shared by all machines and is closed by its creator.
  const shared: Sink = { handle: (event) => display.view.handle(event), close: () => {} };
  let runFolder: string | undefined;
  const noteFolder = (event: RunEvent): void => {
    if (event.type === "run.started") ({ runFolder } = event);
  };
  const begin: Sink = { handle: noteFolder, close: () => {} };
  const bus = createBus(recordName(template.name, host), secrets, [shared, summary, begin]);
  const { steps, waitMs, password, configFile } = parsed;
  const { acceptNew, verifyOnly = false, skipSatisfied = false, offline = false } = flags;
  const login = { configFile, acceptNew, password };
  const how = { steps, waitMs, verifyOnly, skipSatisfied, offline };
  const passed = (): number => performance.now() - started;
  try {
    const result = await provision({ template, host, bus, secrets, signal, ...login, ...how });
    return { host, runFolder, end: { result }, durationMs: passed() };
  } catch (thrown) {
    return { host, runFolder, end: { error: asVmbuildError(thrown) }, durationMs: passed() };
  } finally {
    await bus.close();
    display.summaries.push(summary);
  }
}

/** Returns the row of the table for a machine: its name, the result, the steps and the time. */
function rowOf({ host, end, durationMs }: Outcome): string[] {
  if (!end) return [host.text, "not started"];
  const took = formatDuration(durationMs);
  if ("error" in end) {
    const step = end.error.details["step"];
    const where = typeof step === "string" ? `step ${step}` : "";
    return [host.text, `failed ${end.error.code}`, where, took];
  }
  const { steps, verifyOnly } = end.result;
  const skipped = steps.filter((step) => step.skipped !== undefined).length;
  const more = skipped > 0 ? `, ${skipped} already satisfied` : "";
  return [
    host.text,
    verifyOnly ? "verified" : "done",
    `${countOf(steps.length, "step")}${more}`,
    took,
  ];
}

function printOutcomes(outcomes: readonly Outcome[], flags: ProvisionFlags, output: Output): void {
  if (flags.json) {
    const reports = outcomes.map(({ host, end }) => {
      if (!end) return { host: host.text, error: null };
      return "result" in end ? end.result : { host: host.text, error: reportError(end.error) };
    });
    output.printJson(reports.length === 1 ? reports[0] : { results: reports });
  } else if (outcomes.length > 1) {
    const head = ["HOST", "RESULT", "STEPS", "TOOK"].map(output.stdoutStyle.dim);
    output.print(alignRows([head, ...outcomes.map(rowOf)]).join("\n"));
  }
}

/**
 * Provisions all machines in the given order, at most `parallel` at a time. A failure does not stop
 * the others.
 */
export async function runAll(
  template: Template,
  { flags, parsed, output }: { flags: ProvisionFlags; parsed: Parsed; output: Output },
  signal: AbortSignal,
): Promise<Outcome[]> {
  const { hosts } = parsed;
  const display = { view: await output.createSink(hosts.length > 1), summaries: [] };
  const outcomes = hosts.map((host): Outcome => ({ host, durationMs: 0 }));
  const queue = [...hosts.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next && !signal.aborted; next = queue.shift()) {
      const [index, host] = next;
      outcomes[index] = await provisionOne(template, host, { flags, parsed, display }, signal);
    }
  };
  await Promise.all(Array.from({ length: flags.parallel }, worker));
  await display.view.close();
  for (const summary of display.summaries as Summary[]) {
    output.log(summary.render({ color: output.color, columns: output.columns }));
  }
  return outcomes;
}

/** Runs the command; returns the exit code, the highest one of the machines. */
export async function provisionAll(name: string, flags: ProvisionFlags): Promise<number> {
  const output = createOutput(flags);
  const template = await loadFromFlags(name, flags);
  const parsed = parseFlags(template, flags);
  const outcomes = await interruptible((signal) =>
    runAll(template, { flags, parsed, output }, signal),
  );
  printOutcomes(outcomes, flags, output);
  const codes = outcomes.map(({ end }) => (end && "error" in end ? end.error.exitCode : 0));
  return Math.max(0, ...codes);
}
