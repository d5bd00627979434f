/**
 * Defines the interface of a seed kind: a way to give a guest the build's keys at its first boot.
 * Each kind is a file in `kinds/`; `registry.ts` lists them.
 */
import type { z } from "zod";
import type { BuildKeys } from "./keys.js";
import type { SeedMedia } from "./media.js";
import type { Remark } from "./review.js";

/** Data about a template that a seed needs besides its own settings. */
export interface SeedContext {
  /** Absolute path of the template's folder. */
  readonly folder: string;
  /** User that the build logs in as. */
  readonly user: string;
  /** True when the base accepts credentials that the template gives. */
  readonly hasOwnCredentials: boolean;
  /** MAC address of the guest's network card. */
  readonly mac: string;
}

/** Service of the guest that applies a seed, and that the build waits for. */
export type SeedService = "cloud-init" | "one-context";

/** Seed of one template. */
export interface Seed {
  /** How the build gets in, for `vmbuild inspect`. */
  readonly way: string;
  readonly media: SeedMedia;
  /** True when the guest gets the build's host key, so that its first answer can be verified. */
  readonly givesHostKey: boolean;
  /** Service that must be done before the first step; undefined where none has to be. */
  readonly waitsFor?: SeedService | undefined;
  /** True when the guest applies the seed at each boot, and gets the placeholder's name again. */
  readonly appliesAtEachBoot: boolean;
  /**
   * Shell script that runs as root after the first login. Each line that it prints after
   * {@link SETUP_WARNING} is a warning.
   */
  readonly setup: string;
  /** Files with sudo rights that the build caused, which the last command of the seal removes. */
  readonly sudoRules: readonly string[];
  /** Advice where the guest does not answer; undefined for the general one. */
  readonly timeoutHint?: string;
  /**
   * Returns shell code of the seal that removes what the seed caused in the guest. Each line that
   * it prints after {@link SEAL_WARNING} is a warning.
   */
  readonly sealScript: (keys: BuildKeys) => string;
  /**
   * Describes the seed for the key of the checkpoint before the first step, without what is new in
   * each run.
   * @param redact replaces secrets by keyed hashes.
   */
  describe(redact: (text: string) => string): Promise<Readonly<Record<string, string>>>;
  /**
   * Writes the seed's file with mode 0600, because it may contain keys or passwords.
   * @throws {VmbuildError} TEMPLATE_INVALID for a file of the template that cannot be used.
   */
  write(keys: BuildKeys, destination: string, signal?: AbortSignal): Promise<void>;
}

/** Begins a line of {@link Seed.setup} that is a warning. */
export const SETUP_WARNING = "vmbuild-setup-warning";
/** Begins a line of {@link Seed.sealScript} that is a warning. */
export const SEAL_WARNING = "vmbuild-seal-warning";

/** File that the settings of a seed name. */
export interface SeedFile {
  /** Key in `seed`. */
  readonly key: string;
  /** Absolute; undefined for a file whose content is in the template. */
  readonly path: string | undefined;
  /**
   * Reviews the content. The messages of the remarks begin with the name.
   * @param name the name in messages.
   * @throws {VmbuildError} TEMPLATE_INVALID where no guest could use it.
   */
  readonly review: (name: string) => Promise<readonly Remark[]>;
}

/** Text in the settings of a seed, by its path of keys in `seed`. */
export interface SeedText {
  readonly key: readonly string[];
  readonly text: string;
}

/** Kind of seed. `F` are its fields in a template. */
export interface SeedKind<F extends z.ZodRawShape> {
  /** Value of `seed.kind`. */
  readonly name: string;
  /** Fields of `seed` that belong to the kind. */
  readonly fields: F;
  /** True when the seed lets the build in; otherwise the base must do so. */
  readonly letsIn: boolean;
  /** Returns problems of the settings that the schema of the fields does not find. Pure. */
  problems(
    settings: z.infer<z.ZodObject<F>>,
    context: Pick<SeedContext, "user">,
  ): readonly { readonly key: readonly string[]; readonly message: string }[];
  /** Returns the files that the settings name. Pure. */
  files(
    settings: z.infer<z.ZodObject<F>>,
    context: Pick<SeedContext, "folder" | "user">,
  ): readonly SeedFile[];
  /** Returns the texts that are to be treated as secrets whatever they come from. Pure. */
  secrets(settings: z.infer<z.ZodObject<F>>): readonly SeedText[];
  /** Returns the seed. Pure. */
  plan(settings: z.infer<z.ZodObject<F>>, context: SeedContext): Seed;
}

/** Defines a kind of seed with inferred types. */
export function defineSeedKind<F extends z.ZodRawShape>(kind: SeedKind<F>): SeedKind<F> {
  return kind;
}
