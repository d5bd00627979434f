/** What a kind of input is. Each has one file in `kinds/`; `registry.ts` lists them. */
import { z } from "zod";
import type { ProgramName } from "../host/programs.js";
import type { FullContext } from "./context.js";
import type { ResolvedInput } from "./spec.js";

/** A file of this host that a source refers to. */
export interface LocalFile {
  /** The keys below the source's own place in the template; empty for that place itself. */
  readonly key: readonly string[];
  /** Absolute. */
  readonly path: string;
  /** `any`: a file or a folder. */
  readonly kind: "file" | "any";
}

/** What is known of a source before anything is fetched. */
export interface SourceFacts {
  /** The address without credentials, the path, or the name. */
  readonly origin: string;
  /** What fixes the content, under the name of the template's key for it. */
  readonly pinned?: { readonly label: string; readonly value: string };
  /** Absolute path of the content, now or later; undefined where only a run can tell. */
  readonly path?: string;
  /** Its state in words while something lies at `path`. */
  readonly present: string;
  /** Its state in words otherwise. */
  readonly absent: string;
}

/**
 * A kind of input. `D` is its parsed definition, `S` that definition with absolute paths, as plain
 * data whose `kind` is the name of the kind.
 */
export interface InputKind<D, S extends { readonly kind: string }> {
  /** The key that marks it in a template. */
  readonly name: S["kind"];
  /** Its keys, for messages: `{git, ref}`. */
  readonly form: string;
  readonly schema: z.ZodType<D>;
  /** Whether it lies on this host already and is used where it lies. */
  readonly isLocal: boolean;
  /**
   * Whether the digest of a resolved input stands for the file at its path for the whole run,
   * because nothing but vmbuild writes there.
   */
  readonly digestIsLasting: boolean;
  /** Makes the paths of a definition absolute. Pure. */
  settle(definition: D, templateFolder: string): S;
  /** Absolute path of the content, now or after it was fetched. Pure. */
  location(spec: S, cacheFolder: string): string;
  /**
   * Brings the content to this host, or finds it in the cache.
   * @param name as in the template; for messages and progress.
   */
  resolve(name: string, spec: S, context: FullContext): Promise<ResolvedInput>;
  /** Programs of the host that resolving it may run. */
  programs(spec: S): readonly ProgramName[];
  /** Files that must be on this host before a run. */
  files(spec: S): readonly LocalFile[];
  /** Describes it for `vmbuild inspect`. */
  inspect(spec: S, location: string): SourceFacts;
}

/** Defines a kind of input with its types inferred. */
export function defineInputKind<D, S extends { readonly kind: string }>(
  kind: InputKind<D, S>,
): InputKind<D, S> {
  return kind;
}

/** Fields that an input of any kind has. */
export const commonInputFields = {
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a valid name for an environment variable")
    .optional()
    .describe("environment variable that, if set, holds a local path to use instead"),
  description: z.string().optional().describe("purpose of the input"),
};
