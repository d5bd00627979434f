/** Evaluates blocks: arguments, nested blocks, and `dynamic` blocks. */
import { entriesOf } from "../eval/access.js";
import { ConversionError, convertToString } from "../eval/convert.js";
import { evaluate } from "../eval/evaluate.js";
import type { Scope } from "../eval/scope.js";
import { isList, mapOf } from "../eval/values.js";
import { placeOf } from "../hcl/source.js";
import type { Attribute, Block, Body, Expression } from "../hcl/syntax.js";
import type { PackerAttribute, PackerBlock } from "../model.js";
import { PackerFault } from "../problems.js";
import { evaluateAttribute } from "./state.js";
import type { LoadState } from "./state.js";

/** Block with the names that it can use; a `dynamic` block gives several. */
export interface ScopedBlock {
  readonly block: Block;
  readonly scope: Scope;
  /** Variables and locals from which `for_each` of a `dynamic` block is computed. */
  readonly inherited: readonly string[];
}

/** Returns the blocks of a body in order, with `dynamic` blocks expanded. */
export function expandBlocks(
  state: LoadState,
  { items }: Body,
  scope: Scope,
  inherited: readonly string[] = [],
): ScopedBlock[] {
  return items.flatMap((block): ScopedBlock[] => {
    if (block.kind === "attribute") return [];
    if (block.type.name !== "dynamic") return [{ block, scope, inherited }];
    return state.problems.attempt(() => expandDynamic(state, { block, scope, inherited })) ?? [];
  });
}

/** Returns an argument of a body by its name. */
export function findAttribute({ items }: Body, name: string): Attribute | undefined {
  for (const item of items) {
    if (item.kind === "attribute" && item.name.name === name) return item;
  }
  return undefined;
}

function expandDynamic(state: LoadState, { block, scope, inherited }: ScopedBlock): ScopedBlock[] {
  const [type, ...more] = block.labels;
  if (!type || more.length > 0) {
    throw new PackerFault('A "dynamic" block has one label, the type of its blocks.', block.header);
  }
  const forEach = findAttribute(block.body, "for_each");
  const contents = block.body.items.filter(
    (item) => item.kind === "block" && item.type.name === "content",
  );
  const [content] = contents;
  if (!forEach || contents.length !== 1 || content?.kind !== "block") {
    throw new PackerFault(
      'A "dynamic" block needs "for_each" and one "content" block.',
      block.header,
    );
  }
  const collection = evaluate(forEach.value, scope);
  const iterator = iteratorName(findAttribute(block.body, "iterator")?.value) ?? type.name;
  const labels = findAttribute(block.body, "labels")?.value;
  const from = [...inherited, ...state.dependencies.of(forEach.value)];
  return entriesOf(collection, forEach.value.span).map(([key, value]) => {
    const element = mapOf([
      ["key", key],
      ["value", value],
    ]);
    const inner = scope.with([[iterator, element]]);
    const names = labels ? evaluateLabels(labels, inner) : [];
    const span = labels?.span ?? type.span;
    const one: Block = {
      kind: "block",
      type,
      labels: names.map((name) => ({ name, span })),
      body: content.body,
      header: block.header,
    };
    return { block: one, scope: inner, inherited: from };
  });
}

function iteratorName(expression: Expression | undefined): string | undefined {
  if (!expression) return undefined;
  if (expression.kind === "variable") return expression.name;
  throw new PackerFault('"iterator" is a name, without quotes.', expression.span);
}

function evaluateLabels(expression: Expression, scope: Scope): string[] {
  const value = evaluate(expression, scope);
  if (!isList(value)) throw new PackerFault('"labels" is a list of texts.', expression.span);
  try {
    return value.map((label) => convertToString(label));
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new PackerFault('"labels" is a list of texts.', expression.span);
  }
}

/** Evaluates a block. Arguments with problems are left out. */
export function evaluateBlock(
  state: LoadState,
  { block, scope, inherited }: ScopedBlock,
): PackerBlock {
  const attributes = new Map<string, PackerAttribute>();
  for (const item of block.body.items) {
    if (item.kind !== "attribute") continue;
    const attribute = evaluateAttribute(state, item, scope, inherited);
    if (attribute) attributes.set(attribute.name, attribute);
  }
  return {
    type: block.type.name,
    labels: block.labels.map(({ name }) => name),
    attributes,
    blocks: expandBlocks(state, block.body, scope, inherited).map((one) =>
      evaluateBlock(state, one),
    ),
    place: placeOf(block.header),
  };
}
