/**
 * Reads HCL's JSON syntax (.pkr.json, .pkrvars.json) into the same syntax tree. JSON does not say
 * which objects are blocks; a table of Packer's own blocks does, and all others are values.
 */
import { parseTree, printParseErrorCode } from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";
import type { Problems } from "../problems.js";
import { PackerFault } from "../problems.js";
import { parseTemplateText } from "./parse.js";
import { SourceFile } from "./source.js";
import type { Attribute, Block, Body, Expression, Name, ObjectItem, Span } from "./syntax.js";

/** Blocks that a body can hold, and what each of them can hold. */
interface BodySchema {
  readonly [type: string]: BlockSchema;
}

interface BlockSchema {
  /** Number of labels, each of which is one level of objects. */
  readonly labels: number;
  readonly body: BodySchema;
}

const leaf = (labels: number): BlockSchema => ({ labels, body: {} });
const POST_PROCESSOR = leaf(1);

/** Blocks of a Packer template. */
export const TEMPLATE_SCHEMA: BodySchema = {
  packer: { labels: 0, body: { required_plugins: leaf(0) } },
  variable: { labels: 1, body: { validation: leaf(0) } },
  variables: leaf(0),
  local: leaf(1),
  locals: leaf(0),
  data: leaf(2),
  source: leaf(2),
  hcp_packer_registry: leaf(0),
  build: {
    labels: 0,
    body: {
      source: leaf(1),
      provisioner: leaf(1),
      "error-cleanup-provisioner": leaf(1),
      "post-processor": POST_PROCESSOR,
      "post-processors": { labels: 0, body: { "post-processor": POST_PROCESSOR } },
      hcp_packer_registry: leaf(0),
    },
  },
};

/** Parses JSON with offsets. Errors are added to the problems. */
export function parseJson(file: SourceFile, problems: Problems): Node | undefined {
  const errors: ParseError[] = [];
  const root = parseTree(file.text, errors, { allowTrailingComma: false });
  for (const { error, offset, length } of errors.slice(0, 20)) {
    const words = printParseErrorCode(error)
      .replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ")
      .toLowerCase();
    const span = { file, start: offset, end: offset + Math.max(1, length) };
    problems.add(`The JSON is not valid here: ${words}.`, span);
  }
  if (errors.length > 0) return undefined;
  if (!root) problems.add("The file is empty.", { file, start: 0, end: 0 });
  return root;
}

/** Parses a file in HCL's JSON syntax. What cannot be read is added to the problems. */
export function parseJsonFile(file: SourceFile, schema: BodySchema, problems: Problems): Body {
  const span = { file, start: 0, end: file.text.length };
  const root = parseJson(file, problems);
  if (!root) return { items: [], span };
  const reader = new JsonReader(file, problems);
  return { items: reader.items(root, schema), span };
}

class JsonReader {
  readonly #file: SourceFile;
  readonly #problems: Problems;

  constructor(file: SourceFile, problems: Problems) {
    this.#file = file;
    this.#problems = problems;
  }

  /** Returns the arguments and blocks of an object, or of a list of objects. */
  items(node: Node, schema: BodySchema): (Attribute | Block)[] {
    if (node.type === "array")
      return (node.children ?? []).flatMap((one) => this.items(one, schema));
    if (node.type !== "object") {
      this.#problems.add("Expected an object, or a list of objects.", this.#span(node));
      return [];
    }
    return (node.children ?? []).flatMap((property): (Attribute | Block)[] => {
      const [key, value] = property.children ?? [];
      if (!key || !value || key.value === "//") return [];
      const name = this.#name(key);
      const block = Object.hasOwn(schema, name.name) ? schema[name.name] : undefined;
      if (block) return this.#blocks({ type: name, labels: [], schema: block, node: value });
      const read = this.#problems.attempt(() => this.#expression(value));
      return read ? [{ kind: "attribute", name, value: read }] : [];
    });
  }

  #blocks(block: { type: Name; labels: Name[]; schema: BlockSchema; node: Node }): Block[] {
    const { type, labels, schema, node } = block;
    if (node.type === "array") {
      return (node.children ?? []).flatMap((one) => this.#blocks({ ...block, node: one }));
    }
    if (labels.length < schema.labels) {
      if (node.type !== "object") {
        this.#problems.add(
          `Expected an object with the labels of "${type.name}".`,
          this.#span(node),
        );
        return [];
      }
      return (node.children ?? []).flatMap((property) => {
        const [key, value] = property.children ?? [];
        if (!key || !value || key.value === "//") return [];
        return this.#blocks({ ...block, labels: [...labels, this.#name(key)], node: value });
      });
    }
    if (node.type === "null") return [];
    const body = { items: this.items(node, schema.body), span: this.#span(node) };
    return [{ kind: "block", type, labels, body, header: (labels.at(-1) ?? type).span }];
  }

  #name(key: Node): Name {
    return { name: String(key.value), span: this.#span(key) };
  }

  #span(node: Node): Span {
    return { file: this.#file, start: node.offset, end: node.offset + node.length };
  }

  #expression(node: Node): Expression {
    const span = this.#span(node);
    switch (node.type) {
      case "string":
        return this.#text(node);
      case "array":
        return {
          kind: "tuple",
          items: (node.children ?? []).map((one) => this.#expression(one)),
          span,
        };
      case "object":
        return { kind: "object", items: this.#objectItems(node), span };
      default: {
        const value: unknown = node.value;
        if (typeof value === "number" || typeof value === "boolean" || value === null) {
          return { kind: "literal", value, span };
        }
        throw new PackerFault("Expected a value.", span);
      }
    }
  }

  #objectItems(node: Node): ObjectItem[] {
    return (node.children ?? []).flatMap((property) => {
      const [key, value] = property.children ?? [];
      return key && value ? [{ key: this.#text(key), value: this.#expression(value) }] : [];
    });
  }

  /** Reads a string as a template. Without escapes, its parts have their own places. */
  #text(node: Node): Expression {
    const span = this.#span(node);
    const text = String(node.value);
    if (!text.includes("${") && !text.includes("%{")) return { kind: "literal", value: text, span };
    const raw = this.#file.text.slice(span.start + 1, span.end - 1);
    const parsed =
      raw === text
        ? parseTemplateText(this.#file, span.start + 1, span.end - 1)
        : parseTemplateText(new SourceFile(this.#file.name, text, span));
    return { ...parsed, span };
  }
}
