/** Shape of a function of HCL, and of what functions use of the host. */
import type { Value } from "../model.js";
import type { Type } from "../eval/types.js";

/** What functions use of the host. */
export interface FunctionHost {
  /** Absolute path of the template's folder, from which `file` and `templatefile` read. */
  readonly folder: string;
  /** Absolute path of the current folder. */
  readonly cwd: string;
  /** Time at which the template is read. */
  readonly now: Date;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a file and records its path. Throws a system error. */
  readonly readFile: (path: string) => Buffer;
}

/** Thrown by a function. The message says what is wrong, without the function's name. */
export class FunctionError extends Error {
  override readonly name = "FunctionError";
}

/** Parameter of a function. Arguments are converted to its type. */
export interface Parameter {
  readonly name: string;
  readonly type: Type;
  /** The argument may be null. */
  readonly nullable?: boolean;
}

/** Function of HCL. */
export interface FunctionType {
  readonly parameters: readonly Parameter[];
  /** Parameter of all further arguments. */
  readonly rest?: Parameter;
  /** Number of the last parameters that may be left out. */
  readonly optional?: number;
  /**
   * The result is right also where an argument contains a value that is known only while the build
   * runs, because the function moves texts around without looking at them.
   */
  readonly opaque?: boolean;
  readonly call: (parameters: readonly Value[], host: FunctionHost) => Value;
}

/** Functions by their names. */
export type FunctionTable = Readonly<Record<string, FunctionType>>;

/** Returns the text of a value that is a string already, because its parameter is one. */
export function textOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Parameter that takes a string. */
export const text = (name: string): Parameter => ({ name, type: { kind: "string" } });
/** Parameter that takes a number. */
export const number = (name: string): Parameter => ({ name, type: { kind: "number" } });
/** Parameter that takes any value, also null. */
export const any = (name: string): Parameter => ({ name, type: { kind: "any" }, nullable: true });
/** Parameter that takes any value but null. */
export const some = (name: string): Parameter => ({ name, type: { kind: "any" } });
/** Parameter that takes a list of strings. */
export const texts = (name: string): Parameter => ({
  name,
  type: { kind: "list", element: { kind: "string" } },
});

/** Defines a function of strings, whose arguments are all strings. */
export function textFunction(
  names: readonly string[],
  call: (...parameters: string[]) => Value,
): FunctionType {
  return {
    parameters: names.map(text),
    call: (values) => call(...values.map(textOf)),
  };
}
