/** Implements `vmbuild graph`: shows templates below their bases, and what is up to date. */
import { findArtifact } from "../builds/find-artifact.js";
import type { Style } from "../events/sinks/style.js";
import { cleanText } from "../events/sinks/text.js";
import { renderDot } from "../graph/dot.js";
import type { NodeState, NodeStatus, Preview } from "../graph/status.js";
import { statusOf } from "../graph/status.js";
import { renderSvg } from "../graph/svg.js";
import { treeRows } from "../graph/tree.js";
import { planOutput } from "../requirements/plan.js";
import { loadGraphOf, loadNamed } from "./graph-templates.js";
import { interruptible } from "./interrupt.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { previewRun } from "./preview.js";
import { outputFolders } from "./run-builds.js";
import { alignRows } from "./table.js";

/** Flags of the command. */
export interface GraphFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly format: "text" | "dot" | "svg" | "json";
}

function paintOf(state: NodeState, style: Style): string {
  if (state === "up to date") return style.green(state);
  return state === "running" ? style.cyan(state) : style.yellow(state);
}

function renderText(statuses: readonly NodeStatus[], style: Style): string {
  const rows = treeRows(statuses).map(({ status: { node, state, reason }, depth }) => [
    `${"  ".repeat(depth)}${style.bold(node.name)}`,
    paintOf(state, style),
    style.dim(cleanText(reason)),
  ]);
  return alignRows(rows).join("\n");
}

/** Returns the graph as plain data. */
function reportOf(statuses: readonly NodeStatus[]) {
  const templates = statuses.map(({ node, state, reason, image }) => ({
    name: node.name,
    version: node.template.version,
    template: node.template.path,
    extends: node.template.files.slice(1).map(({ path }) => path),
    base: node.base?.name ?? null,
    state,
    reason,
    image: image ?? null,
  }));
  return { templates };
}

/** Forms in which the graph is printed. */
const FORMATS: Readonly<
  Record<GraphFlags["format"], (statuses: readonly NodeStatus[], output: Output) => void>
> = {
  text: (statuses, output) => output.print(renderText(statuses, output.stdoutStyle)),
  dot: (statuses, output) => output.print(renderDot(statuses)),
  svg: (statuses, output) => output.print(renderSvg(statuses)),
  json: (statuses, output) => output.printJson(reportOf(statuses)),
};

/** Runs the command; returns the exit code. */
export async function graph(names: readonly string[], flags: GraphFlags): Promise<number> {
  const output = createOutput(flags);
  const nodes = await loadGraphOf(await loadNamed(names, flags), flags);
  const folderOf = outputFolders(nodes, flags);
  // A run repeats its warnings; here they would be in the way.
  const silent: Output = { ...output, log: () => {} };
  const statuses = await interruptible((signal) => {
    const preview: Preview = (node) => {
      const { template, base } = node;
      return previewRun(template, flags, silent, {
        signal,
        offline: true,
        readOnly: true,
        outputDirectory: folderOf(node),
        ...(base ? { findArtifact: () => findArtifact(base.template, folderOf(base)) } : {}),
      });
    };
    return statusOf(nodes, preview, (node) => planOutput(node.template, folderOf(node)).folder);
  });
  FORMATS[flags.format](statuses, output);
  return 0;
}
