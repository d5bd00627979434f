/** Orders templates by their bases: a base that is the image of another template is built first. */
import { realpath } from "node:fs/promises";
import { baseKindOf } from "../base/registry.js";
import { VmbuildError } from "../errors.js";
import type { Template } from "../template/load.js";

/** Template with its place in the graph. */
export interface GraphNode {
  readonly name: string;
  readonly template: Template;
  /** Template whose image is the base; undefined where the base is none. */
  readonly base: GraphNode | undefined;
  /** True for a template that the user named, false for one that is only the base of another. */
  readonly isNamed: boolean;
}

/** Returns the name or path of the template whose image is the base of a template. */
export function baseTemplateOf({ base }: Pick<Template, "base">): string | undefined {
  return baseKindOf(base).template?.(base);
}

/** Loads the template that is the base of another one. */
export type LoadBase = (reference: string, from: Template) => Promise<Template>;

async function identityOf({ path }: Template): Promise<string> {
  return realpath(path).catch(() => path); // The template is read; its file may be gone since.
}

/** Graph that is being loaded. */
class Loader {
  readonly #named = new Map<string, Template>();
  readonly #done = new Map<string, GraphNode>();
  readonly #loadBase: LoadBase;

  constructor(loadBase: LoadBase) {
    this.#loadBase = loadBase;
  }

  async load(templates: readonly Template[]): Promise<GraphNode[]> {
    for (const template of templates) this.#named.set(await identityOf(template), template);
    for (const template of templates) await this.#visit(template, []);
    return [...this.#done.values()];
  }

  async #visit(found: Template, users: readonly Template[]): Promise<GraphNode> {
    const id = await identityOf(found);
    const known = this.#done.get(id);
    if (known) return known;
    // A base that the user names as well has the options of the command.
    const template = this.#named.get(id) ?? found;
    requireNoCycle(template, users);
    const reference = baseTemplateOf(template);
    const base =
      reference === undefined
        ? undefined
        : await this.#visit(await this.#loadBase(reference, template), [...users, template]);
    const { name } = template;
    const node = { name, template, base, isNamed: this.#named.has(id) };
    this.#requireOwnName(node);
    this.#done.set(id, node);
    return node;
  }

  #requireOwnName({ name, template }: GraphNode): void {
    const other = [...this.#done.values()].find((node) => node.name === name);
    if (!other) return;
    throw new VmbuildError("USAGE", `Two of the templates have the name ${name}`, {
      lines: [other.template.path, template.path],
      hint: "Builds are kept by name; give each template a different one.",
    });
  }
}

function requireNoCycle(template: Template, users: readonly Template[]): void {
  const first = users.findIndex(({ path }) => path === template.path);
  if (first === -1) return;
  const names = [...users.slice(first), template].map(({ name }) => name);
  throw new VmbuildError(
    "TEMPLATE_INVALID",
    `The bases of these templates form a cycle: ${names.join(" -> ")}`,
    {
      lines: users.slice(first).map(({ path }) => path),
      hint: 'Change "base" in one of them.',
    },
  );
}

/**
 * Loads the bases of templates, and theirs.
 * @returns every template once, each after its base, otherwise in the given order.
 * @throws {VmbuildError} TEMPLATE_INVALID for a cycle, with its templates; USAGE when two have the
 *   same name; the errors of loading a base.
 */
export async function loadGraph(
  templates: readonly Template[],
  loadBase: LoadBase,
): Promise<GraphNode[]> {
  return new Loader(loadBase).load(templates);
}

/** Returns a node's base, the base of that, and so on. */
export function basesOf(node: GraphNode): GraphNode[] {
  return node.base ? [node.base, ...basesOf(node.base)] : [];
}
