/** Trims white space next to `~`, and nests the directives of a text. */
import type { Reader } from "./reader.js";
import type { Expression, TemplatePart } from "./syntax.js";

interface Sequence {
  readonly start: number;
  readonly end: number;
  readonly trimBefore: boolean;
  readonly trimAfter: boolean;
}

/** Content of an interpolation or a directive. */
export type SequenceContent =
  | { readonly kind: "interpolation"; readonly expression: Expression }
  | { readonly kind: "if"; readonly condition: Expression }
  | { readonly kind: "else" | "endif" | "endfor" }
  | {
      readonly kind: "for";
      readonly keyName: string | undefined;
      readonly valueName: string;
      readonly collection: Expression;
    };

/** Part of a text before directives are nested. A literal ends at the end of its line. */
export type FlatPart =
  | { readonly kind: "text"; readonly text: string; readonly start: number; readonly end: number }
  | (Sequence & SequenceContent);

/** Nests the parts between directives. Literals that follow each other become one. */
export function buildParts(reader: Reader, flat: readonly FlatPart[]): TemplatePart[] {
  const rest = trim(flat);
  const { parts, end } = takeParts(reader, rest, undefined);
  if (end) {
    throw reader.fault(`"%{ ${end.kind} }" has no directive that it belongs to.`, end);
  }
  return parts;
}

/** Removes white space from the literals next to `~`, one line of text at most, as HCL does. */
function trim(flat: readonly FlatPart[]): FlatPart[] {
  return flat.map((part, index) => {
    if (part.kind !== "text") return part;
    const before = flat[index - 1];
    const after = flat[index + 1];
    let text = part.text;
    if (before && before.kind !== "text" && before.trimAfter) text = text.trimStart();
    if (after && after.kind !== "text" && after.trimBefore) text = text.trimEnd();
    return { ...part, text };
  });
}

type EndPart = Extract<FlatPart, { kind: "else" | "endif" | "endfor" }>;
type OpenPart = Extract<FlatPart, { kind: "if" | "for" }>;

/** Takes parts from the front of the list, up to a part that ends a directive, which is returned. */
function takeParts(
  reader: Reader,
  rest: FlatPart[],
  open: OpenPart | undefined,
): { parts: TemplatePart[]; end: EndPart | undefined } {
  const parts: TemplatePart[] = [];
  // The list is read from its end, because removing the first element of a long array is slow.
  if (!open) rest.reverse();
  for (let part = rest.pop(); part; part = rest.pop()) {
    switch (part.kind) {
      case "text":
        addText(parts, part.text);
        break;
      case "interpolation":
        parts.push({ kind: "interpolation", expression: part.expression });
        break;
      case "if":
        parts.push(takeIf(reader, rest, part));
        break;
      case "for":
        parts.push(takeFor(reader, rest, part));
        break;
      case "else":
      case "endif":
      case "endfor":
        return { parts, end: part };
    }
  }
  if (open) {
    throw reader.fault(`"%{ ${open.kind} … }" is not closed by "%{ end${open.kind} }".`, open);
  }
  return { parts, end: undefined };
}

function addText(parts: TemplatePart[], text: string): void {
  if (text === "") return;
  const last = parts.at(-1);
  if (last?.kind === "text") parts[parts.length - 1] = { kind: "text", text: last.text + text };
  else parts.push({ kind: "text", text });
}

function takeIf(
  reader: Reader,
  rest: FlatPart[],
  open: Extract<OpenPart, { kind: "if" }>,
): TemplatePart {
  const first = reader.nested(() => takeParts(reader, rest, open));
  let whenFalse: TemplatePart[] = [];
  let { end } = first;
  if (end?.kind === "else") {
    ({ parts: whenFalse, end } = reader.nested(() => takeParts(reader, rest, open)));
  }
  expectEnd(reader, end, "endif");
  return { kind: "if", condition: open.condition, whenTrue: first.parts, whenFalse };
}

function takeFor(
  reader: Reader,
  rest: FlatPart[],
  open: Extract<OpenPart, { kind: "for" }>,
): TemplatePart {
  const { parts: body, end } = reader.nested(() => takeParts(reader, rest, open));
  expectEnd(reader, end, "endfor");
  const { keyName, valueName, collection } = open;
  return { kind: "for", keyName, valueName, collection, body };
}

function expectEnd(reader: Reader, end: EndPart | undefined, kind: "endif" | "endfor"): void {
  if (end && end.kind !== kind) {
    throw reader.fault(`Expected "%{ ${kind} }", found "%{ ${end.kind} }".`, end);
  }
}
