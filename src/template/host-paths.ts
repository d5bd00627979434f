/** Makes the paths that stand in the file of a parent relative to the template that extends it. */
import { isAbsolute, relative, resolve } from "node:path";
import type { z } from "zod";
import { HOST_PATHS } from "../fields.js";
import type { HostPathMark } from "../fields.js";
import { ACTIONS, actionSchema } from "../steps/registry.js";
import type { JsonPath } from "./document.js";
import { templateSchema } from "./schema.js";

/** Folders of a template and of the files in which its values stand. Absolute. */
export interface FileFolders {
  /** Folder of the template's own file. */
  readonly folder: string;
  /** Returns the folder of the file in which the value at a path stands. */
  readonly folderOf: (path: JsonPath) => string;
}

/** Changes a marked string at a path; undefined stands for a missing one. */
type Change = (mark: HostPathMark, value: string | undefined, path: JsonPath) => unknown;

/** Part of a schema, with the properties that are used here. */
type Definition = z.core.$ZodType["_zod"]["def"] & {
  readonly innerType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Returns the schema of an action's kind; undefined where it has none or several. */
function actionSchemaOf(value: unknown): z.core.$ZodType | undefined {
  const kinds = isRecord(value) ? ACTIONS.filter(({ name }) => Object.hasOwn(value, name)) : [];
  return kinds.length === 1 ? kinds[0]?.schema : undefined;
}

/** Walk through a value along its schema. A value without a marked path is returned as it is. */
class Walk {
  readonly #change: Change;

  constructor(change: Change) {
    this.#change = change;
  }

  value(schema: z.core.$ZodType, value: unknown, path: JsonPath): unknown {
    const mark = HOST_PATHS.get(schema as z.ZodType);
    if (mark && typeof value === "string") return this.#change(mark, value, path);
    if (typeof value !== "object" && typeof value !== "string") return value;
    // The schema of an action's kind is chosen by its key.
    const chosen = schema === actionSchema ? actionSchemaOf(value) : schema;
    const definition: Definition | undefined = chosen?._zod.def;
    if (definition === undefined) return value;
    const { options, element, valueType, shape } = definition;
    if (options) return this.#union(options, value, path);
    if (shape) return isRecord(value) ? this.#object(shape, value, path) : value;
    if (element) return Array.isArray(value) ? this.#list(element, value, path) : value;
    if (valueType) return isRecord(value) ? this.#record(valueType, value, path) : value;
    const inner = definition.innerType ?? definition.in;
    return inner ? this.value(inner, value, path) : value;
  }

  /** Uses the first alternative in which the value has a path. */
  #union(options: readonly z.core.$ZodType[], value: unknown, path: JsonPath): unknown {
    for (const option of options) {
      const changed = this.value(option, value, path);
      if (changed !== value) return changed;
    }
    return value;
  }

  #object(
    shape: NonNullable<Definition["shape"]>,
    value: Readonly<Record<string, unknown>>,
    path: JsonPath,
  ): Readonly<Record<string, unknown>> {
    const changed: Record<string, unknown> = {};
    for (const [key, schema] of Object.entries(shape)) {
      const here = [...path, key];
      if (Object.hasOwn(value, key)) {
        const now = this.value(schema, value[key], here);
        if (now !== value[key]) changed[key] = now;
      } else {
        const mark = HOST_PATHS.get(schema as z.ZodType);
        const now = mark?.missing === undefined ? undefined : this.#change(mark, undefined, here);
        if (now !== undefined) changed[key] = now;
      }
    }
    return Object.keys(changed).length === 0 ? value : { ...value, ...changed };
  }

  #list(element: z.core.$ZodType, value: readonly unknown[], path: JsonPath): readonly unknown[] {
    const items = value.map((item, index) => this.value(element, item, [...path, index]));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }

  #record(
    valueType: z.core.$ZodType,
    value: Readonly<Record<string, unknown>>,
    path: JsonPath,
  ): Readonly<Record<string, unknown>> {
    const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
      key,
      this.value(valueType, item, [...path, key]),
    ]);
    return entries.some(([key, item]) => item !== value[key])
      ? (Object.fromEntries(entries) as Readonly<Record<string, unknown>>)
      : value;
  }
}

/** Returns a path relative to another folder. A slash at its end is kept. */
function moved(path: string, from: string, to: string): string {
  if (path === "" || isAbsolute(path)) return path;
  const near = relative(to, resolve(from, path)) || ".";
  return path.endsWith("/") && !near.endsWith("/") ? `${near}/` : near;
}

/**
 * Returns the template with every relative path of the host made relative to the template's own
 * folder. A path relative to that folder is not changed, so that a step gives the same checkpoint
 * whether it stands in the template or in a parent.
 * @param value template without references.
 */
export function moveHostPaths<T>(value: T, { folder, folderOf }: FileFolders): T {
  const walk = new Walk((mark, text, path) => {
    const from = folderOf(path);
    if (from === folder) return text;
    const move = (relativePath: string): string => moved(relativePath, from, folder);
    return mark.change(text ?? mark.missing ?? "", move);
  });
  return walk.value(templateSchema, value, []) as T;
}
