/** Resolves the references of a template to variables and inputs: from raw JSON to plain JSON. */
import { inputSpec } from "../inputs/definition.js";
import { inputLocation } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import { inputSchema } from "../inputs/registry.js";
import type { Problem } from "./document.js";
import type { GitSource } from "./git-references.js";
import { interpolate } from "./interpolate.js";
import type { References } from "./interpolate.js";
import type { VariableValue } from "./variables.js";

/** Values for references. */
export interface ResolveContext {
  /** Folder to which paths of the template are relative; absolute. */
  readonly folder: string;
  /** Names of the declared variables. */
  readonly declared: readonly string[];
  /** Variables with a valid value. */
  readonly values: ReadonlyMap<string, VariableValue>;
  /** Values of `--input NAME=PATH`. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** State of the git work tree, where the template refers to it. */
  readonly git?: GitSource;
  /**
   * Replaces the paths of a value without references that are relative to the file of a parent;
   * without it, all are relative to `folder`.
   */
  readonly anchor?: ((value: RawObject) => RawObject) | undefined;
}

/** Template without references. */
export interface ResolvedTemplate {
  readonly value: unknown;
  readonly inputSpecs: ReadonlyMap<string, InputSpec>;
  /** Problems: unknown references, and each `--input` of an unknown name. */
  readonly problems: readonly Problem[];
}

type RawObject = Readonly<Record<string, unknown>>;

/** Returns whether the value is a JSON object and not a list. */
export function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const unchanged = (value: RawObject): RawObject => value;

const field = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;

/** Returns the references that need no inputs: variables, name, version. */
function plainReferences(raw: RawObject, context: ResolveContext): References {
  const { values, declared, git } = context;
  const known = { variables: declared, inputs: Object.keys(field(raw, "inputs") ?? {}) };
  // An invalid variable is not reported again where it is used.
  const variable = (name: string): VariableValue | undefined =>
    values.get(name) ?? (declared.includes(name) ? "" : undefined);
  const none: References = {
    name: undefined,
    version: undefined,
    variable,
    input: () => undefined,
    git,
    known,
  };
  const textOf = (key: string, references: References): string | undefined => {
    const value = field(raw, key);
    if (typeof value !== "string") return undefined;
    // The value may contain variables itself; its problems are reported at its own place.
    return String(interpolate(value, [key], references, []));
  };
  // A missing name is not reported again where it is used.
  const named: References = { ...none, name: textOf("name", none) ?? "" };
  return { ...named, version: textOf("version", named) ?? "0.0.0" };
}

/** Returns the specs of the valid inputs. Their strings may refer to variables only. */
function readInputs(
  raw: RawObject,
  references: References,
  { folder, inputs, environment, anchor = unchanged }: ResolveContext,
): Map<string, InputSpec> {
  const specs = new Map<string, InputSpec>();
  const settled = interpolate(field(raw, "inputs") ?? {}, ["inputs"], references, []);
  for (const [name, value] of Object.entries(anchor({ inputs: settled })["inputs"] ?? {})) {
    const parsed = inputSchema.safeParse(value);
    if (!parsed.success) continue;
    const override = inputs[name];
    specs.set(name, inputSpec(parsed.data, { templateFolder: folder, override, environment }));
  }
  return specs;
}

/** Sets the default output folder, which contains a reference, before references are replaced. */
function withDefaultDirectory(raw: RawObject): RawObject {
  const output = raw["output"] ?? {};
  return isObject(output) ? { ...raw, output: { directory: "output/${name}", ...output } } : raw;
}

function unknownInputs(known: readonly string[], given: ResolveContext["inputs"]): Problem[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: ["inputs"],
      message: `the template declares no input "${name}"; it declares ${known.join(", ") || "none"}`,
      source: `--input ${name}`,
    }));
}

/**
 * Replaces every reference. Declarations of variables are not changed, because a pattern may
 * contain `${`.
 */
export function resolveReferences(raw: RawObject, context: ResolveContext): ResolvedTemplate {
  const plain = plainReferences(raw, context);
  const inputSpecs = readInputs(raw, plain, context);
  const input = (name: string): string | undefined => {
    const spec = inputSpecs.get(name);
    if (spec) return inputLocation(spec);
    // An invalid input is reported where it is declared.
    return plain.known.inputs.includes(name) ? "" : undefined;
  };
  const problems: Problem[] = [];
  const { variables, ...rest } = withDefaultDirectory(raw);
  const { anchor = unchanged } = context;
  const settled = anchor(interpolate(rest, [], { ...plain, input }, problems) as RawObject);
  return {
    value: variables === undefined ? settled : { ...settled, variables },
    inputSpecs,
    problems: [...problems, ...unknownInputs(plain.known.inputs, context.inputs)],
  };
}
