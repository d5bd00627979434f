/** JSON nodes with their places, and their values with Go template code rendered. */
import type { Node } from "jsonc-parser";
import { mapOf } from "../eval/values.js";
import { renderKnown } from "../go-template/render.js";
import { GoTemplateError } from "../go-template/syntax.js";
import type { GoTemplateData } from "../go-template/functions.js";
import type { SourceFile } from "../hcl/source.js";
import { placeOf } from "../hcl/source.js";
import type { Span } from "../hcl/syntax.js";
import type { PackerAttribute, PackerBlock, Value } from "../model.js";
import { PackerFault } from "../problems.js";
import type { Problems } from "../problems.js";

/** Entry of a JSON object. */
export interface JsonProperty {
  readonly name: string;
  readonly key: Node;
  readonly value: Node;
}

/** Reads JSON nodes of one file. */
export class LegacyJson {
  readonly #file: SourceFile;
  readonly #problems: Problems;

  constructor(file: SourceFile, problems: Problems) {
    this.#file = file;
    this.#problems = problems;
  }

  /** Part of the file that a node covers. */
  span(node: Node): Span {
    return { file: this.#file, start: node.offset, end: node.offset + node.length };
  }

  /** Entries of an object, without comments, whose names begin with "_". */
  properties(node: Node | undefined): JsonProperty[] {
    if (!node) return [];
    if (node.type !== "object") {
      this.#problems.add("An object is expected here.", this.span(node));
      return [];
    }
    return (node.children ?? []).flatMap((property) => {
      const [key, value] = property.children ?? [];
      const name = String(key?.value);
      return key && value && !name.startsWith("_") ? { name, key, value } : [];
    });
  }

  /** Elements of a list. */
  elements(node: Node | undefined): readonly Node[] {
    if (!node || node.type === "null") return [];
    if (node.type === "array") return node.children ?? [];
    this.#problems.add("A list is expected here.", this.span(node));
    return [];
  }

  /** Value of a node; the texts are rendered. Throws a PackerFault. */
  value(node: Node, render: (text: string, node: Node) => string): Value {
    switch (node.type) {
      case "string":
        return render(String(node.value), node);
      case "array":
        return (node.children ?? []).map((child) => this.value(child, render));
      case "object":
        return mapOf(
          this.properties(node).map(({ name, key, value }) => [
            render(name, key),
            this.value(value, render),
          ]),
        );
      default: {
        const value: unknown = node.value;
        return typeof value === "number" || typeof value === "boolean" ? value : null;
      }
    }
  }

  /** Adds a problem at a node. */
  add(message: string, node: Node): void {
    this.#problems.add(message, this.span(node));
  }

  /** Adds a warning at a node. */
  warn(message: string, node: Node): void {
    this.#problems.warn(message, this.span(node));
  }
}

/** What the texts of blocks are rendered with. */
export interface LegacyContext {
  readonly json: LegacyJson;
  readonly problems: Problems;
  readonly data: GoTemplateData;
  /** Values of user variables, and the names on which each depends. */
  readonly user: LegacyUser;
}

/** User variables of an older template. */
export interface LegacyUser {
  /** Value of a variable; undefined if there is none. */
  readonly get: (name: string) => string | undefined;
  /** Names of the variables from which a variable is computed, with its own. */
  readonly dependencies: (name: string) => readonly string[];
  readonly isSensitive: (name: string) => boolean;
}

/** Reads an argument. Undefined, with a problem added, if its template code has a problem. */
function readAttribute(
  { json, problems, data, user }: LegacyContext,
  { name, value: node }: JsonProperty,
): PackerAttribute | undefined {
  const used = new Set<string>();
  const withUser: GoTemplateData = {
    ...data,
    user: (variable) => {
      for (const one of user.dependencies(variable)) used.add(one);
      const value = user.get(variable);
      if (value === undefined) {
        json.warn(`The variable "${variable}" is not declared; Packer takes an empty text.`, node);
      }
      return value ?? "";
    },
  };
  const value = problems.attempt(() =>
    json.value(node, (text, at) => renderAt(json, text, { at, data: withUser })),
  );
  if (value === undefined) return undefined;
  return {
    name,
    value,
    sensitive: [...used].some((variable) => user.isSensitive(variable)),
    place: placeOf(json.span(node)),
    dependsOn: [...used].map((variable) => `var.${variable}`).toSorted(),
    expression: undefined,
  };
}

/** Renders a text of a node. Throws a PackerFault at the node. */
export function renderAt(
  json: LegacyJson,
  text: string,
  { at, data }: { at: Node; data: GoTemplateData },
): string {
  try {
    return renderKnown(text, data);
  } catch (error) {
    if (!(error instanceof GoTemplateError)) throw error;
    throw new PackerFault(error.message, json.span(at));
  }
}

/** Reads the arguments of an object, or some of them. */
export function readAttributes(
  context: LegacyContext,
  node: Node,
  names?: readonly string[],
): Map<string, PackerAttribute> {
  const attributes = new Map<string, PackerAttribute>();
  for (const property of context.json.properties(node)) {
    if (names && !names.includes(property.name)) continue;
    const attribute = readAttribute(context, property);
    if (attribute) attributes.set(attribute.name, attribute);
  }
  return attributes;
}

/** Reads an object as a block; its `type` becomes the label. */
export function readBlock(
  context: LegacyContext,
  kind: string,
  node: Node,
): PackerBlock | undefined {
  const { json } = context;
  const place = placeOf(json.span(node));
  if (node.type === "string") {
    // The short form of a post-processor without arguments.
    return { type: kind, labels: [String(node.value)], attributes: new Map(), blocks: [], place };
  }
  const attributes = readAttributes(context, node);
  const type = attributes.get("type");
  if (!type || typeof type.value !== "string") {
    json.add(`A ${kind} needs "type".`, node);
    return undefined;
  }
  attributes.delete("type");
  return {
    type: kind,
    labels: [type.value],
    attributes,
    blocks: [],
    place: { ...type.place },
  };
}
