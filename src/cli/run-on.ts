/** Implements `vmbuild run --on`: runs a build on another host, and fetches its image. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { currentFolder } from "../host/current-folder.js";
import { statIfThere } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import type { HostAddress } from "../hosts/address.js";
import { makeBundle } from "../hosts/bundle.js";
import type { Bundle } from "../hosts/bundle.js";
import type { RemoteRun } from "../hosts/follow.js";
import { HostConnection } from "../hosts/connect.js";
import { installOn } from "../hosts/install.js";
import { rememberRun } from "../hosts/last-runs.js";
import { whileConnected } from "../hosts/reconnect.js";
import { sendBundle, startRun } from "../hosts/send.js";
import type { StartRequest } from "../hosts/send.js";
import { planOutput } from "../requirements/plan.js";
import type { Template } from "../template/load.js";
import { showRemote } from "./attach-on.js";
import { givenOptions } from "./elsewhere.js";
import { fetchTo } from "./fetch.js";
import { loadGraphOf, loadNamed, withoutBases } from "./graph-templates.js";
import { hostArguments, inputsOfEnvironment, variablesOfEnvironment } from "./host-arguments.js";
import { interruptible } from "./interrupt.js";
import { leaseOf } from "./lease-options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { maxAgeOf, parseBreakpoint, rejectConflictingFlags } from "./run-options.js";
import type { RunFlags } from "./run-options.js";
import { progressOf, withView } from "./transfer-view.js";

/** Loads the only template. */
async function loadOne(names: readonly string[], flags: RunFlags): Promise<Template> {
  if (names.length !== 1) {
    throw new VmbuildError("USAGE", "--on starts one build", {
      hint: "Run the command once for each template.",
    });
  }
  const [template, second] = await loadNamed(names, flags);
  if (template === undefined || second || template.packer !== undefined) {
    throw new VmbuildError("USAGE", "--on does not support templates of Packer", {
      hint: "Convert the template with `vmbuild import`, and run the result.",
    });
  }
  return template;
}

/** What is sent, and what is started there. */
interface Job {
  readonly bundle: Bundle;
  readonly request: StartRequest;
  /** Output folder on this host. Absolute. */
  readonly output: string;
}

async function prepare(
  names: readonly string[],
  flags: RunFlags,
  command: CommandUnknownOpts,
  signal: AbortSignal,
): Promise<Job> {
  const given = givenOptions(command);
  // Options that have no effect are refused before a file is read.
  hostArguments(given);
  const template = await loadOne(names, flags);
  const fromEnvironment = inputsOfEnvironment(template.inputs, given);
  const { words, paths } = hostArguments([...given, ...fromEnvironment]);
  rejectConflictingFlags(flags, 1);
  maxAgeOf(flags);
  await leaseOf(flags);
  for (const text of flags.break ?? []) parseBreakpoint(text, template);
  for (const path of paths) {
    if (await statIfThere(path)) continue;
    throw new VmbuildError("USAGE", `${path} does not exist`);
  }
  const nodes = flags.bases ? await loadGraphOf([template], flags) : withoutBases([template]);
  const templates = nodes.map((node) => node.template);
  const bundle = await makeBundle(templates, paths, signal);
  const folder = currentFolder() ?? "/";
  const environment = variablesOfEnvironment();
  const { entries } = bundle;
  const { name, path } = template;
  const request = { name, template: path, folder, entries: [...entries], environment };
  const output = planOutput(template, flags.output).folder;
  return { bundle, request: { ...request, arguments: [...words] }, output };
}

/** Installs this version there, if it is missing and the user wants that. */
async function requireVersion(
  address: HostAddress,
  { install }: RunFlags,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (!install) return;
  try {
    using _connection = await HostConnection.open(address, signal);
    return;
  } catch (error) {
    if (!(error instanceof VmbuildError) || error.code !== "REMOTE_VERSION") throw error;
  }
  emit({ type: "note", message: `Installing vmbuild on ${address.text}` });
  await installOn(address, signal);
}

/** Sends the bundle and starts the run. */
async function start(
  address: HostAddress,
  { bundle, request }: Job,
  emit: Emit,
  signal: AbortSignal,
): Promise<RemoteRun> {
  let sent = 0;
  let wasAsked = false;
  const note = (message: string): void => emit({ type: "note", message });
  const onLost = (): void => note(`The connection to ${address.text} was lost; connecting again`);
  const show = progressOf(emit, "send", `send to ${address.text}`);
  const onSent = (done: number, total: number): void => {
    sent = done;
    show(done, total);
  };
  const options = { address, signal, onLost, progress: () => sent };
  return whileConnected(options, async (connection) => {
    if (wasAsked) {
      // A second request would find the run that the first one may have started.
      throw new VmbuildError(
        "RUN_IN_PROGRESS",
        `The connection to ${address.text} was lost while the run was being started`,
        { hint: `See whether it runs: vmbuild list --on ${address.text}` },
      );
    }
    const bytes = await sendBundle(connection, bundle, onSent);
    if (bytes > 0) note(`Sent ${formatBytes(bytes)} to ${address.text}`);
    wasAsked = true;
    return startRun(connection, request);
  });
}

/** Run that has begun. */
interface Begun {
  readonly address: HostAddress;
  readonly run: RemoteRun;
  readonly flags: RunFlags;
  /** Output folder on this host. Absolute. */
  readonly folder: string;
  readonly output: Output;
}

/** Shows a run until its end, and fetches its image; returns the exit code. */
async function showToEnd({ address, run, flags, folder, output }: Begun): Promise<number> {
  const { name, runId } = run;
  const on = address.text;
  const end = await showRemote(address, { ...run, isInProgress: true }, undefined, output);
  if (end === "left") return 0;
  if ("exitCode" in end) {
    if (flags.json) output.printJson({ name, runId, on, error: end.error });
    return end.exitCode;
  }
  const { path: image } = end.result.artifact;
  const isWanted = image !== undefined && flags.fetch !== "no";
  const fetched = isWanted ? await fetchTo(address, { name, folder }, output) : [];
  if (flags.json) {
    output.printJson({ name, runId, on, result: end.report, fetched });
    return 0;
  }
  for (const path of fetched) output.print(path);
  if (image !== undefined && !isWanted) {
    output.log(`The image stays on ${on}: ${image}`);
    output.log(`Fetch it: vmbuild fetch ${name} --on ${on}.`);
  }
  return 0;
}

/**
 * Runs the command for another host; returns the exit code: that of the run, or of the transfer.
 * @throws {VmbuildError} USAGE, REMOTE_UNREACHABLE, REMOTE_VERSION, REMOTE_BUNDLE, FETCH_FAILED, or
 *   the error of a run that could not begin.
 */
export async function runOn(
  address: HostAddress,
  names: readonly string[],
  flags: RunFlags,
  command: CommandUnknownOpts,
): Promise<number> {
  const output = createOutput(flags);
  const begin = async (emit: Emit, signal: AbortSignal) => {
    const job = await prepare(names, flags, command, signal);
    for (const path of job.bundle.elsewhere) {
      const message = `${path} is an absolute path, and names a file of ${address.text}`;
      emit({ type: "note", message });
    }
    await requireVersion(address, flags, emit, signal);
    return { job, run: await start(address, job, emit, signal) };
  };
  const { job, run } = await withView(output, (emit) =>
    interruptible((signal) => begin(emit, signal)),
  );
  const { name, runId, expiresAt } = run;
  await rememberRun(name, { address: address.text, runId, output: job.output });
  if (!flags.detach) return showToEnd({ address, run, flags, folder: job.output, output });
  if (flags.json) output.printJson({ name, runId, on: address.text, expiresAt });
  else output.print(runId);
  output.log(`${name} runs on ${address.text}.`);
  output.log(`Follow it: vmbuild attach ${name} --on ${address.text}.`);
  return 0;
}
