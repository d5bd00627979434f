/** Implements `vmbuild outdated`: asks whether what images are made of has newer versions. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { findOutdated } from "../outdated/outdated.js";
import type { OutdatedReport } from "../outdated/outdated.js";
import { loadGraphOf, loadNamed } from "./graph-templates.js";
import { interruptible } from "./interrupt.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { rebuildCommand, renderOutdated } from "./outdated-text.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";

/** Flags of the command. */
export interface OutdatedFlags extends TemplateFlags, OutputFlags {
  readonly all?: boolean;
  readonly image?: string;
  readonly aptSource?: readonly string[];
  readonly rpmSource?: readonly string[];
  readonly mirror?: readonly string[];
  readonly keyring?: string;
  readonly json?: boolean;
}

/** Exit code when something has a newer version. */
const OUTDATED = 10;

/** Parses `--mirror FROM=TO`. An address may contain an equals sign; `=http` begins the second. */
function parseMirrors(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [, from, to] = /^(https?:\/\/.+?)=(https?:\/\/.+)$/.exec(pair) ?? [];
      if (from !== undefined && to !== undefined) return [from, to] as const;
      throw new VmbuildError("USAGE", `--mirror ${pair}: two addresses are required`, {
        hint: "Write --mirror http://archive.example.org/debian=http://mirror.example.org/debian.",
      });
    }),
  );
}

function jsonOf(report: OutdatedReport): unknown {
  const { node, state, created, checks, error } = report;
  return {
    ...{ name: node.name, version: node.template.version, state },
    ...{ created: created ?? null, rebuild: rebuildCommand(report) ?? null },
    checks: checks.map(({ error: failure, ...check }) => ({
      ...check,
      ...(failure ? { error: reportError(failure) } : {}),
    })),
    ...(error ? { error: reportError(error) } : {}),
  };
}

/**
 * Leaves out the images that were not built, unless the user named them.
 * @throws {VmbuildError} INPUT_MISSING when none was built.
 */
function builtOnly(
  reports: readonly OutdatedReport[],
  isAll: boolean,
  output: Output,
): OutdatedReport[] {
  const built = reports.filter(({ state }) => state !== "not built");
  const missing = reports.filter(({ node, error }) => error && node.isNamed);
  const [first] = missing;
  if (first?.error && (!isAll || built.length === 0)) throw first.error;
  for (const { error } of missing) output.log(`note: ${error?.message}`);
  return built;
}

/** Returns the exit code: changes count more than what could not be asked for. */
function exitCodeOf(reports: readonly OutdatedReport[]): number {
  if (reports.some(({ state }) => state === "outdated")) return OUTDATED;
  const failures = reports.flatMap(({ checks }) => checks.flatMap(({ error }) => error ?? []));
  return failures[0]?.exitCode ?? 0;
}

/** Runs the command; returns the exit code. */
export async function outdated(names: readonly string[], flags: OutdatedFlags): Promise<number> {
  const output = createOutput(flags);
  if (flags.all && names.length > 0) {
    throw new VmbuildError("USAGE", "--all checks every image, and takes no names");
  }
  const mirrors = parseMirrors(flags.mirror ?? []);
  const keyring = flags.keyring === undefined ? undefined : resolve(flags.keyring);
  const { aptSource: aptSources, rpmSource: rpmSources, image: directory } = flags;
  const nodes = await loadGraphOf(await loadNamed(names, flags), flags);
  const secrets = new Secrets();
  for (const { template } of nodes) for (const secret of template.secrets) secrets.add(secret);
  const bus = createBus("", secrets, [await output.createSink()]);
  let found: OutdatedReport[];
  try {
    const how = {
      ...{ mirrors, keyring, directory },
      ...(aptSources ? { aptSources } : {}),
      ...(rpmSources ? { rpmSources } : {}),
    };
    found = await interruptible((signal) =>
      findOutdated(nodes, { ...how, emit: bus.emit, signal }),
    );
  } finally {
    await bus.close();
  }
  const reports = builtOnly(found, names.length === 0, output);
  const isOutdated = reports.some(({ state }) => state === "outdated");
  if (flags.json) output.printJson({ outdated: isOutdated, images: reports.map(jsonOf) });
  else output.print(renderOutdated(reports, output.stdoutStyle));
  for (const { checks } of reports) {
    for (const { error } of checks) if (error) output.printError(error, secrets);
  }
  return exitCodeOf(reports);
}
