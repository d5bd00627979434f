/** What a kind of base image is. Each has one file in `kinds/`; `registry.ts` lists them. */
import type { z } from "zod";
import type { Emit } from "../events/types.js";
import type { ProgramName } from "../host/programs.js";
import type { LocalFile, SourceFacts } from "../inputs/kind.js";

/** What resolving a base is given. */
export interface BaseContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  readonly templateFolder: string;
  /** The size of the machine's disk in bytes; an image that unpacks to far more is refused. */
  readonly disk?: number;
  /** The path of another template's finished artifact, and its digest. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string; digest?: string }>;
}

/** An image that is on this host. */
export interface FoundImage {
  /** Absolute. */
  readonly path: string;
  /** Address, path, suite or appliance. */
  readonly origin: string;
  /** `sha256:<hex>`, where it is known without reading the image again. */
  readonly digest: string | undefined;
}

/** What `validate` gives a kind to look things up with. */
export interface BaseCheckContext {
  readonly templateFolder: string;
  /** Undefined where it is not built yet; throws when there is no such template. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string } | undefined>;
}

/** What `validate` has to look at. */
export interface BaseCheck {
  /** What is wrong with the definition itself; `key` leads on from `base`. */
  readonly problems?: readonly { readonly key: readonly string[]; readonly message: string }[];
  /** Files that must be on this host before a run. */
  readonly files?: readonly LocalFile[];
  /** Absolute path of the image, which is checked where it is on this host. */
  readonly image?: string;
  /** Its virtual size in bytes, where the definition alone says it. */
  readonly virtualSize?: number;
  /** Why the image is not on this host, where that is no problem. */
  readonly absent?: string;
}

/** What making an image of a kind takes of this host beside what every build does. */
export interface HostRequirements {
  /** Programs that only this kind runs. */
  readonly programs: readonly ProgramName[];
  /** What does not work where any of it is missing. */
  readonly cost: string;
  /** A further prerequisite, looked at where the program that it needs is installed. */
  readonly prerequisite: {
    readonly name: string;
    readonly program: ProgramName;
    /** Describes what is there. @throws {VmbuildError} where that does not do, with a hint. */
    probe(signal: AbortSignal): Promise<string>;
  };
}

/** A kind of base image. `D` is its parsed definition. */
export interface BaseKind<D> {
  /** The key that marks it in a template, and its name in a manifest. */
  readonly name: string;
  /** Its keys, for messages: `{url, checksum}`. */
  readonly form: string;
  readonly schema: z.ZodType<D>;
  /** Whether the image may refer to other files of this host, such as a backing file. */
  readonly mayUseOtherFiles: boolean;
  /** What `vmbuild doctor` looks at for it. */
  readonly host?: HostRequirements;
  /** Brings the image to this host, makes it, or finds it in the cache. */
  resolve(definition: D, context: BaseContext): Promise<FoundImage>;
  /** Programs of the host that resolving it may run. */
  programs(definition: D, templateFolder: string): readonly ProgramName[];
  /** Tells `validate` what to look at. */
  check(definition: D, context: BaseCheckContext): Promise<BaseCheck>;
  /** Describes it for `vmbuild inspect`. */
  inspect(definition: D, templateFolder: string): SourceFacts;
}

/** Defines a kind of base with its types inferred. */
export function defineBaseKind<D>(kind: BaseKind<D>): BaseKind<D> {
  return kind;
}
