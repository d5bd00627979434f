/** Reports the results of `vmbuild run`. */
import type { VmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import { createStyle } from "../events/sinks/style.js";
import type { Style } from "../events/sinks/style.js";
import type { GraphNode } from "../graph/graph.js";
import { basesOf } from "../graph/graph.js";
import { formatDuration } from "../host/format.js";
import type { Output } from "./output.js";
import type { Outcome, Outcomes } from "./run-builds.js";
import { alignRows } from "./table.js";

/** Returns the result of a node, or the error that prevented it. */
function finalOutcome(node: GraphNode, outcomes: Outcomes): Outcome | undefined {
  const found = outcomes.get(node.name);
  if (!found || "value" in found) return found?.value;
  return finalOutcome(found.failedBase, outcomes);
}

/** Returns the first error, in the order of the builds. */
export function firstError(
  nodes: readonly GraphNode[],
  outcomes: Outcomes,
): VmbuildError | undefined {
  for (const node of nodes) {
    const outcome = finalOutcome(node, outcomes);
    if (outcome && "error" in outcome) return outcome.error;
  }
  return undefined;
}

/** Returns the result of a node as JSON; undefined where it was not started. */
function jsonOf(
  node: GraphNode,
  outcomes: Outcomes,
): Readonly<Record<string, unknown>> | undefined {
  const found = outcomes.get(node.name);
  const outcome = finalOutcome(node, outcomes);
  if (!found || !outcome) return undefined;
  if ("result" in outcome) return { ...outcome.result };
  const error = reportError(outcome.error);
  return "value" in found
    ? { error }
    : { name: node.name, failedBase: found.failedBase.name, error };
}

/** Prints one object: the result of the named template, or all of them, with those of bases. */
function printJson(nodes: readonly GraphNode[], outcomes: Outcomes, output: Output): void {
  const reportsOf = (isNamed: boolean) =>
    nodes
      .filter((node) => node.isNamed === isNamed)
      .flatMap((node) => jsonOf(node, outcomes) ?? []);
  const [reports, bases] = [reportsOf(true), reportsOf(false)];
  const more = bases.length > 0 ? { bases } : {};
  const [first, ...others] = reports;
  const isOne = first !== undefined && others.length === 0;
  output.printJson({ ...(isOne ? first : { results: reports }), ...more });
}

/** Describes the result of a node in a few words. */
function verdict(node: GraphNode, outcomes: Outcomes, style: Style): string {
  const found = outcomes.get(node.name);
  if (!found) return style.yellow("not started");
  if ("failedBase" in found) {
    const { failedBase } = found;
    const whose = failedBase === node.base ? "its base" : "the base";
    return style.red(`not built: ${whose} ${failedBase.name} failed`);
  }
  const { value } = found;
  const time = formatDuration(value.durationMs);
  if ("error" in value) return style.red(`failed after ${time}: ${value.error.code}`);
  const { upToDate, until } = value.result;
  if (upToDate) return style.green("up to date");
  return until === undefined
    ? style.green(`built in ${time}`)
    : style.green(`stopped after ${until}, as asked, in ${time}`);
}

/** Lists every build with its result. */
function overview(nodes: readonly GraphNode[], outcomes: Outcomes, style: Style): string[] {
  return alignRows(
    nodes.map((node) => [
      `${"  ".repeat(basesOf(node).length)}${node.name}`,
      verdict(node, outcomes, style),
    ]),
  );
}

/**
 * Prints the results: with several builds a list of all on stderr, and on stdout the images of the
 * templates that the user named, or one JSON object.
 */
export function report(
  nodes: readonly GraphNode[],
  outcomes: Outcomes,
  output: Output,
  isJson: boolean,
): void {
  if (nodes.length > 1) {
    output.log(`\n${overview(nodes, outcomes, createStyle(output.color)).join("\n")}`);
  }
  if (isJson) return printJson(nodes, outcomes, output);
  for (const { name, isNamed } of nodes) {
    const outcome = outcomes.get(name);
    if (!isNamed || !outcome || !("value" in outcome) || !("result" in outcome.value)) continue;
    const { artifact, otherArtifacts = [] } = outcome.value.result;
    if (artifact) for (const { path } of [artifact, ...otherArtifacts]) output.print(path);
  }
}
