/** Loads the templates that a command names, or all, with the templates that are their bases. */
import { VmbuildError } from "../errors.js";
import type { GraphNode } from "../graph/graph.js";
import { loadGraph } from "../graph/graph.js";
import { currentFolder } from "../host/current-folder.js";
import { listAppliances } from "../template/find.js";
import type { Template } from "../template/load.js";
import { CREATE_PATCHES } from "../template/variable-sources.js";
import { loadAllFromFlags, loadBase } from "./options.js";
import type { TemplateFlags } from "./options.js";

/** Returns the names of all appliances. */
async function allNames({ appliances }: TemplateFlags): Promise<string[]> {
  const found = await listAppliances({ currentFolder: currentFolder() ?? "/", appliances });
  if (found.size > 0) return [...found.keys()];
  throw new VmbuildError("TEMPLATE_NOT_FOUND", "There are no templates in a folder appliances/", {
    hint: "Name a template, or give the folder with --appliances DIR.",
  });
}

/** Requires that at least one template declares each variable that an option sets. */
function requireDeclared(
  templates: readonly Template[],
  { var: pairs = [], release, createPatches }: TemplateFlags,
): void {
  const given = pairs.map((pair) => pair.slice(0, pair.indexOf("=")));
  const sources = given.map((name) => ({ name, source: `--var ${name}` }));
  if (release !== undefined) sources.push({ name: "release", source: "--release" });
  if (createPatches) sources.push({ name: CREATE_PATCHES, source: "--create-patches" });
  for (const { name, source } of sources) {
    if (templates.some(({ variables }) => Object.hasOwn(variables, name))) continue;
    throw new VmbuildError("VARIABLE_INVALID", `${source}: no template declares "${name}"`);
  }
}

/**
 * Loads templates.
 * @param names names or paths; empty for all appliances, to each of which the values apply that it
 *   declares.
 * @throws {VmbuildError} the errors of loading a template; TEMPLATE_NOT_FOUND when there is none.
 */
export async function loadNamed(
  names: readonly string[],
  flags: TemplateFlags,
): Promise<Template[]> {
  const isAll = names.length === 0;
  const templates: Template[] = [];
  for (const name of isAll ? await allNames(flags) : names) {
    templates.push(...(await loadAllFromFlags(name, flags, { ignoreUndeclared: isAll })));
  }
  if (isAll) requireDeclared(templates, flags);
  return templates;
}

/** Loads the graph of templates and their bases, each after its base. */
export async function loadGraphOf(
  templates: readonly Template[],
  flags: TemplateFlags,
): Promise<GraphNode[]> {
  return loadGraph(templates, (reference, from) => loadBase(reference, from, flags));
}

/** Returns the graph of templates alone. */
export function withoutBases(templates: readonly Template[]): GraphNode[] {
  return templates.map((template) => ({
    name: template.name,
    template,
    base: undefined,
    isNamed: true,
  }));
}
