/** Shape of a kind of data source. */
import type { Type } from "../eval/types.js";
import type { FunctionHost } from "../functions/function.js";
import type { Value, ValueMap } from "../model.js";

/** What data sources use of the host. Programs run in the current folder. */
export type DataHost = Pick<FunctionHost, "cwd" | "environment">;

/** Argument of a data source. Its value is converted to the type. */
export interface DataArgument {
  readonly type: Type;
  readonly required?: boolean;
}

/** Arguments of one data source, converted; those without a value are missing. */
export type DataArguments = ReadonlyMap<string, Value>;

/** Thrown by `read`. The message is the end of a sentence that begins with the source's name. */
export class DataSourceError extends Error {
  override readonly name = "DataSourceError";
}

/** Kind of data source, such as `http`. */
export interface DataSourceKind {
  /** First label of its blocks. */
  readonly type: string;
  /** What it gives, for docs/from-packer.md. */
  readonly text: string;
  readonly arguments: Readonly<Record<string, DataArgument>>;
  /** Returns the object that `data.TYPE.NAME` is. Throws a DataSourceError. */
  readonly read: (given: DataArguments, host: DataHost) => Promise<ValueMap>;
}

export const TEXT: Type = { kind: "string" };
export const TEXTS: Type = { kind: "list", element: TEXT };
export const TEXT_MAP: Type = { kind: "map", element: TEXT };

/** Returns the value of an argument of the type {@link TEXT}. */
export function textOf(given: DataArguments, name: string): string | undefined {
  const value = given.get(name);
  return typeof value === "string" ? value : undefined;
}

/** Returns the values of an argument of the type {@link TEXTS}. */
export function textsOf(given: DataArguments, name: string): string[] {
  const value = given.get(name);
  return Array.isArray(value) ? value.map(String) : [];
}

/** Returns the values of an argument of the type {@link TEXT_MAP}. */
export function textMapOf(given: DataArguments, name: string): Record<string, string> {
  const value = given.get(name);
  if (!(value instanceof Map)) return {};
  return Object.fromEntries([...value].map(([key, one]) => [String(key), String(one)]));
}
