/** Reads `data` blocks, and gives expressions the values of those that are known. */
import { DATA_SOURCES, dataSourceKind } from "../data/registry.js";
import type { DataSourceKind } from "../data/data-source.js";
import { ConversionError, convert } from "../eval/convert.js";
import type { Root } from "../eval/scope.js";
import { unknownName } from "../eval/scope.js";
import type { Body } from "../hcl/syntax.js";
import type { PackerBlock, PackerDataSource, PackerDataValue, Value, ValueMap } from "../model.js";
import { KnownFault } from "../problems.js";
import { evaluateBlock } from "./blocks.js";
import type { ScopedBlock } from "./blocks.js";
import type { LoadState } from "./state.js";

/** Values of data sources by their names. */
type DataValues = ReadonlyMap<string, PackerDataValue>;

/** Data sources of one type. To use one without a value is a known fault. */
class DataOfType extends Map<string, Value> {
  readonly #unknown: ReadonlySet<string>;

  constructor(known: Iterable<readonly [string, Value]>, unknown: Iterable<string>) {
    super(known);
    this.#unknown = new Set(unknown);
  }

  override get(name: string): Value | undefined {
    if (this.#unknown.has(name)) throw new KnownFault();
    return super.get(name);
  }
}

/** Makes the root `data`. Data sources with problems are reported at their blocks, not where they are used. */
export function dataRoot(bodies: readonly Body[], values: DataValues): Root {
  const types = new Map<string, DataOfType>();
  for (const [type, names] of declaredNames(bodies)) {
    const known = names.flatMap((name): [string, ValueMap][] => {
      const found = values.get(`${type}.${name}`);
      return found && "value" in found ? [[name, found.value]] : [];
    });
    const unknown = names.filter((name) => !known.some(([one]) => one === name));
    types.set(type, new DataOfType(known, unknown));
  }
  return {
    get: (type, span) => {
      const found = types.get(type);
      if (found) return found;
      throw unknownName("data", { key: type, span, known: [...types.keys()] });
    },
    all: () => types,
  };
}

/** Returns the names of the data sources of each type. */
function declaredNames(bodies: readonly Body[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const item of bodies.flatMap(({ items }) => items)) {
    if (item.kind !== "block" || item.type.name !== "data") continue;
    const [type, name] = item.labels;
    if (type && name) found.set(type.name, [...(found.get(type.name) ?? []), name.name]);
  }
  return found;
}

/** Reads the `data` blocks, and reports those that have a problem. */
export function readDataSources(
  state: LoadState,
  blocks: readonly ScopedBlock[],
  values: DataValues,
): PackerDataSource[] {
  const names = new Set<string>();
  return blocks
    .filter(({ block }) => block.type.name === "data")
    .map((one): PackerDataSource => {
      const evaluated = evaluateBlock(state, one);
      const name = evaluated.labels.join(".");
      const kind = requireKind(state, one, evaluated);
      if (names.has(name)) {
        state.problems.add(`The data source "${name}" is defined already.`, one.block.header);
      }
      names.add(name);
      const found = values.get(name);
      if (found && "problem" in found) {
        state.problems.add(`The data source "${name}" ${found.problem}`, one.block.header);
      }
      return {
        ...evaluated,
        name,
        arguments: kind && readArguments(state, one, { kind, evaluated }),
      };
    });
}

function requireKind(
  { problems }: LoadState,
  { block }: ScopedBlock,
  { labels }: PackerBlock,
): DataSourceKind | undefined {
  if (labels.length !== 2) {
    problems.add('A "data" block has two labels, its type and its name.', block.header);
    return undefined;
  }
  const kind = dataSourceKind(labels[0]);
  if (kind) return kind;
  const known = DATA_SOURCES.map(({ type }) => type).join(", ");
  problems.add(
    `The data source "${labels.join(".")}" is not supported: vmbuild has ${known}. Declare a variable for its value, and give it with --var.`,
    block.header,
  );
  return undefined;
}

/** Converts the arguments, and reports those with problems; undefined if one has no value. */
function readArguments(
  { problems }: LoadState,
  { block }: ScopedBlock,
  { kind, evaluated }: { readonly kind: DataSourceKind; readonly evaluated: PackerBlock },
): ReadonlyMap<string, Value> | undefined {
  const given = block.body.items.filter((item) => item.kind === "attribute");
  const found = new Map<string, Value>();
  for (const { name } of given) {
    const argument = kind.arguments[name.name];
    if (!argument) {
      problems.add(`A data source "${kind.type}" has no argument "${name.name}".`, name.span);
      continue;
    }
    const attribute = evaluated.attributes.get(name.name);
    if (!attribute) continue;
    try {
      const value = convert(attribute.value, argument.type);
      if (value !== null) found.set(name.name, value);
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      problems.add(`"${name.name}" of a data source: ${error.message}.`, attribute.place);
    }
  }
  const isComplete = given.every(({ name }) => evaluated.attributes.has(name.name));
  if (!isComplete) return undefined;
  const missing = Object.entries(kind.arguments)
    .filter(([name, { required = false }]) => required && !evaluated.attributes.has(name))
    .map(([name]) => name);
  for (const name of missing) {
    problems.add(`A data source "${kind.type}" needs "${name}".`, block.header);
  }
  return missing.length > 0 ? undefined : found;
}
