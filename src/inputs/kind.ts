/**
 * Defines the interface of an input kind. Each kind is a file in `kinds/`; `registry.ts` lists
 * them.
 */
import { z } from "zod";
import type { ProgramName } from "../host/programs.js";
import type { FullContext } from "./context.js";
import type { Freshness, KnownContent } from "./freshness.js";
import type { ResolvedInput } from "./spec.js";

/** File of this host that a source refers to. */
export interface LocalFile {
  /** Path of keys below the source in the template; empty for the source itself. */
  readonly key: readonly string[];
  /** Absolute path. */
  readonly path: string;
  /** `any` accepts a file or a folder. */
  readonly kind: "file" | "any";
}

/** Facts about a source that are known before anything is fetched. */
export interface SourceFacts {
  /** Address without credentials, path, or name. */
  readonly origin: string;
  /** Value that fixes the content, labelled with its key in the template. */
  readonly pinned?: { readonly label: string; readonly value: string };
  /** Absolute path of the content, now or later; undefined where only a run can determine it. */
  readonly path?: string;
  /** Description of the state when something exists at `path`. */
  readonly present: string;
  /** Description of the state otherwise. */
  readonly absent: string;
}

/**
 * Kind of input. `D` is its parsed definition. `S` is its spec: the definition with absolute paths,
 * as plain data whose `kind` is the name of the kind.
 */
export interface InputKind<D, S extends { readonly kind: string }> {
  /** Key that identifies the kind in a template. */
  readonly name: S["kind"];
  /** Keys of the kind, for messages: `{git, ref}`. */
  readonly form: string;
  readonly schema: z.ZodType<D>;
  /** True for a kind whose content is already on this host and is used in place. */
  readonly isLocal: boolean;
  /**
   * True when the digest of a resolved input is valid for the whole run, because only vmbuild
   * writes to its path.
   */
  readonly digestIsStable: boolean;
  /** Converts a definition to a spec by making its paths absolute. Pure. */
  toSpec(definition: D, templateFolder: string): S;
  /** Returns the absolute path of the content, now or after it was fetched. Pure. */
  location(spec: S, cacheFolder: string): string;
  /**
   * Fetches the content to this host, or finds it in the cache.
   * @param name the name in the template, for messages and progress.
   */
  resolve(name: string, spec: S, context: FullContext): Promise<ResolvedInput>;
  /**
   * Compares what a run would use now with the content that an image was made from. Nothing is
   * downloaded to the cache.
   * @param name the name in the template, for messages.
   * @throws {VmbuildError} the errors of {@link resolve}.
   */
  compare(name: string, spec: S, known: KnownContent, context: FullContext): Promise<Freshness>;
  /** Returns the programs of the host that resolving the input may run. */
  programs(spec: S): readonly ProgramName[];
  /** Returns the files that must exist on this host before a run. */
  files(spec: S): readonly LocalFile[];
  /** Describes the input for `vmbuild inspect`. */
  inspect(spec: S, location: string): SourceFacts;
}

/** Defines a kind of input with inferred types. */
export function defineInputKind<D, S extends { readonly kind: string }>(
  kind: InputKind<D, S>,
): InputKind<D, S> {
  return kind;
}

/** Fields of every kind of input. */
export const commonInputFields = {
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a valid name for an environment variable")
    .optional()
    .describe("environment variable that, if set, holds a local path to use instead"),
  description: z.string().optional().describe("purpose of the input"),
};
