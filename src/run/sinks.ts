/** Opens the sinks of a run, with what earlier runs of the build could not deliver. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readRecord, runPaths } from "../builds/workspace.js";
import type { RunRecord, Workspace } from "../builds/workspace.js";
import { statIfThere } from "../host/files.js";
import { attachSinks } from "../sinks/attach.js";
import type { EarlierSpool, SinkContext, TemplatePlace } from "../sinks/kind.js";
import { sinkKindOf } from "../sinks/registry.js";
import type { Template } from "../template/load.js";
import type { CommonContext } from "./context.js";

/** Returns the spools of a sink that earlier runs of the build have left, oldest first. */
export async function earlierSpools(
  { build, runId }: Pick<Workspace, "build" | "runId">,
  name: string,
): Promise<EarlierSpool[]> {
  const spools: EarlierSpool[] = [];
  for (const id of (await readdir(build.runs)).toSorted()) {
    const paths = runPaths(build, id);
    const folder = join(paths.sinks, name);
    if (id === runId || !(await statIfThere(folder))) continue;
    const record = await readRecord(paths.record);
    const common = { folder, runId: id, build: record?.name ?? "" };
    // The build's lock is held, so a run without an end was killed.
    const killed = record?.state === "interrupted" && {
      code: codeOfKilled(record),
      runFolder: paths.folder,
      durationMs: Date.now() - Date.parse(record.startedAt),
    };
    spools.push(killed ? { ...common, killed } : common);
  }
  return spools;
}

function codeOfKilled({ outcome }: RunRecord): NonNullable<EarlierSpool["killed"]>["code"] {
  return outcome === "LEASE_EXPIRED" ? outcome : "RUN_KILLED";
}

/** Returns the place of a step in the template's file; undefined where an option set it. */
function placeOfStep(template: Template, step: string): TemplatePlace | undefined {
  const index = template.steps.findIndex(({ name }) => name === step);
  if (index === -1) return undefined;
  const origin = template.originOf(["steps", index]);
  return "file" in origin ? origin : undefined;
}

/** What a sink knows of its run, besides its name. */
type RunFacts = Omit<SinkContext, "name" | "onProblem">;

/** Returns what a sink knows of its run. */
export function sinkContext(
  template: Template,
  facts: Pick<RunFacts, "runId" | "folder" | "earlier">,
): RunFacts {
  return {
    ...facts,
    templateFolder: template.folder,
    templatePath: template.path,
    placeOf: (step) => placeOfStep(template, step),
    environment: process.env,
  };
}

/** Opens the sinks of a run. Disposing of the result ends them, in a bounded time. */
export async function openSinks(
  context: Pick<CommonContext, "template" | "workspace" | "emit" | "options">,
): Promise<AsyncDisposable> {
  const { template, workspace, emit, options } = context;
  const { sinks } = template;
  const { runId, run } = workspace;
  const earlier = new Map<string, EarlierSpool[]>();
  for (const [name, settings] of Object.entries(sinks)) {
    if (sinkKindOf(settings).keepsEvents) earlier.set(name, await earlierSpools(workspace, name));
  }
  return attachSinks({
    sinks,
    bus: options.bus,
    emit,
    contextOf: (name) =>
      sinkContext(template, {
        runId,
        folder: join(run.sinks, name),
        earlier: earlier.get(name) ?? [],
      }),
  });
}
