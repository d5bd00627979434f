/** Evaluates Go templates. */
import { GoTemplateError } from "./syntax.js";
import type { GoNode, Operand, Pipeline } from "./syntax.js";

/** Value in a Go template. */
export type GoValue =
  string | number | boolean | null | readonly GoValue[] | { readonly [name: string]: GoValue };

/** Function of a Go template. Throws a GoTemplateError. */
export type GoFunction = (...parameters: GoValue[]) => GoValue;

/** What a template is rendered with. */
export interface GoContext {
  readonly dot: GoValue;
  readonly functions: ReadonlyMap<string, GoFunction>;
}

/** Variables of a block; inner blocks can set those of outer ones. */
interface Frame {
  readonly dot: GoValue;
  readonly functions: ReadonlyMap<string, GoFunction>;
  readonly variables: ReadonlyMap<string, { value: GoValue }>;
}

/** Renders the nodes of a template. Throws a GoTemplateError. */
export function renderNodes(nodes: readonly GoNode[], { dot, functions }: GoContext): string {
  return renderAll(nodes, { dot, functions, variables: new Map([["", { value: dot }]]) });
}

function renderAll(nodes: readonly GoNode[], start: Frame): string {
  let frame = start;
  let result = "";
  for (const node of nodes) {
    if (node.kind === "text") result += node.text;
    else if (node.kind === "action") {
      const value = runPipeline(node.pipeline, frame);
      if (node.pipeline.variables.length > 0) frame = bind(frame, node.pipeline, [value]);
      else result += textOf(value);
    } else result += renderBlock(node, frame);
  }
  return result;
}

function renderBlock(
  node: Extract<GoNode, { kind: "if" | "with" | "range" }>,
  frame: Frame,
): string {
  const { kind, pipeline, body, otherwise } = node;
  const value = runPipeline(pipeline, frame);
  if (kind === "range") {
    const entries = entriesOf(value);
    if (entries.length === 0) return renderAll(otherwise, frame);
    return entries
      .map(([key, item]) => {
        const values = pipeline.variables.length > 1 ? [key, item] : [item];
        return renderAll(body, bind({ ...frame, dot: item }, pipeline, values));
      })
      .join("");
  }
  if (!isTrue(value)) return renderAll(otherwise, frame);
  const inner = bind(frame, pipeline, [value]);
  return renderAll(body, kind === "with" ? { ...inner, dot: value } : inner);
}

/** Sets the variables of a pipeline: new ones, or those that exist. */
function bind(frame: Frame, { variables, assigns }: Pipeline, values: readonly GoValue[]): Frame {
  if (variables.length === 0) return frame;
  const all = new Map(frame.variables);
  for (const [index, name] of variables.entries()) {
    const value = values[index] ?? null;
    const existing = all.get(name);
    if (assigns && existing) existing.value = value;
    else all.set(name, { value });
  }
  return { ...frame, variables: all };
}

function runPipeline({ commands }: Pipeline, frame: Frame): GoValue {
  let value: GoValue | undefined;
  for (const command of commands) value = runCommand(command, frame, value);
  return value ?? null;
}

function runCommand(command: readonly Operand[], frame: Frame, last: GoValue | undefined): GoValue {
  const [first, ...rest] = command;
  if (first?.kind !== "function") {
    if (rest.length > 0 || last !== undefined || !first) {
      throw new GoTemplateError("Only a function can be given arguments in a Go template.");
    }
    return evaluateOperand(first, frame);
  }
  const values = rest.map((operand) => evaluateOperand(operand, frame));
  return callByName(first.name, frame, last === undefined ? values : [...values, last]);
}

function callByName(name: string, { functions }: Frame, values: readonly GoValue[]): GoValue {
  const call = functions.get(name);
  if (call) return call(...values);
  throw new GoTemplateError(`The function "${name}" does not exist in Packer's Go templates.`);
}

function evaluateOperand(operand: Operand, frame: Frame): GoValue {
  switch (operand.kind) {
    case "literal":
      return operand.value;
    case "field":
      return getFields(frame.dot, operand.names);
    case "variable": {
      const variable = frame.variables.get(operand.name);
      if (!variable) throw new GoTemplateError(`The variable "$${operand.name}" is not defined.`);
      return getFields(variable.value, operand.names);
    }
    case "function":
      return callByName(operand.name, frame, []);
    case "pipeline":
      return getFields(runPipeline(operand.pipeline, frame), operand.names);
  }
}

function getFields(value: GoValue, names: readonly string[]): GoValue {
  let current = value;
  for (const name of names) {
    const fields = isRecord(current) ? current : {};
    const next = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (next === undefined) {
      const known = Object.keys(fields).map((one) => `.${one}`);
      const hint = known.length > 0 ? `known are ${known.join(", ")}` : "nothing is known here";
      throw new GoTemplateError(`"{{ .${names.join(".")} }}" is not known: ${hint}.`);
    }
    current = next;
  }
  return current;
}

function isRecord(value: GoValue): value is { readonly [name: string]: GoValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entriesOf(value: GoValue): [key: GoValue, value: GoValue][] {
  if (Array.isArray(value))
    return (value as readonly GoValue[]).map((item, index) => [index, item]);
  if (!isRecord(value)) return [];
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Tells if a value counts as true: neither zero nor empty. */
export function isTrue(value: GoValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Text of a value as Go prints it. */
export function textOf(value: GoValue): string {
  if (value === null) return "<no value>";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${(value as readonly GoValue[]).map(textOf).join(" ")}]`;
  const entries = entriesOf(value).map(([key, one]) => `${textOf(key)}:${textOf(one)}`);
  return `map[${entries.join(" ")}]`;
}
