/** Builds an image for `vmbuild create`. */
import { buildPaths, makeRunId, readRecord, runPaths } from "../builds/workspace.js";
import { readResult } from "../events/result.js";
import { renamedImage } from "../profiles/image-name.js";
import type { CreateRequest } from "../profiles/request.js";
import type { Template } from "../template/load.js";
import type { CreateFields, CreateJob, CreateResult } from "./create-job.js";
import { loadGraphOf } from "./graph-templates.js";
import { leaseOf } from "./lease-options.js";
import { loadFromFlags } from "./options.js";
import type { TemplateFlags } from "./options.js";
import { buildAll, outputFolders } from "./run-builds.js";
import type { RunFlags } from "./run-options.js";
import { firstError } from "./run-report.js";

/** Loads the template. Its image has the name that the call gives to the build. */
async function loadNamed(
  { template: name, vmName }: CreateRequest,
  flags: TemplateFlags,
): Promise<Template> {
  const template = await loadFromFlags(name, flags);
  const renamed = vmName === undefined ? undefined : renamedImage(template.output.filename, vmName);
  if (renamed === undefined) return template;
  const set = [...(flags.set ?? []), `output.filename=${JSON.stringify(renamed)}`];
  return loadFromFlags(name, { ...flags, set });
}

/** Returns what the record of the run says. */
async function recordedFields(name: string, id: string): Promise<CreateFields> {
  const { folder, record: path } = runPaths(buildPaths(name), id);
  const record = await readRecord(path);
  if (!record) return { id: null, name };
  const { startedAt, endedAt = null, expiresAt = null } = record;
  return { id, name, runFolder: folder, startedAt, endedAt, expiresAt };
}

/**
 * Builds the image of a template, after the bases that it needs.
 * @throws {VmbuildError} the errors of loading the template; USAGE for a time that is not valid; the
 *   signal's reason when the build did not start because of it.
 */
export async function createImage({
  request,
  flags: given,
  output,
  signal,
}: CreateJob): Promise<CreateResult> {
  const lease = await leaseOf(request.ttl === undefined ? {} : { ttl: request.ttl });
  const template = await loadNamed(request, given);
  const nodes = await loadGraphOf([template], given);
  const id = makeRunId(new Date());
  const flags: RunFlags = {
    ...given,
    ...(request.output === undefined ? {} : { output: request.output }),
    detachedRun: id,
    parallel: 1,
    checkpoints: true,
    bases: true,
    logFormat: "auto",
    color: "auto",
    onError: "fail",
  };
  const builds = { nodes, flags, folderOf: outputFolders(nodes, flags), lease };
  const outcomes = await buildAll(builds, output, signal);
  const found = outcomes.get(template.name);
  if (!found) signal.throwIfAborted();
  const result = found && "value" in found && "result" in found.value ? found.value.result : {};
  const { artifact, otherArtifacts, manifest = null, upToDate } = readResult(result);
  const { path = null, checksums = {} } = artifact;
  const images = { artifact: path, checksums, otherArtifacts, manifest, upToDate };
  const fields = { ...(await recordedFields(template.name, id)), ...images };
  return { fields, error: firstError(nodes, outcomes) };
}
