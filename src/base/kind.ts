/**
 * Defines the shape of a kind of base. Each kind has one file in `kinds/`; `registry.ts` lists
 * them.
 */
import type { z } from "zod";
import type { Emit } from "../events/types.js";
import type { ProgramName } from "../host/programs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { LocalFile, SourceFacts } from "../inputs/kind.js";
import type { Upstream } from "../inputs/spec.js";
import type { TemplateReferences } from "../install/references.js";
import type { KeyPair } from "../seed/keys.js";
import type { InstallerMachine } from "../install/run-installer.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import type { UefiFirmware } from "../machine/firmware.js";
import type { MachinePlan } from "../machine/shape.js";

/** Inputs of {@link BaseKind.resolve} besides the definition. */
export interface BaseContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  readonly templateFolder: string;
  /** Size of the machine's disk in bytes; limits how much is unpacked. */
  readonly disk?: number;
  /** Finds another template's finished artifact. */
  readonly findArtifact: (appliance: string) => Promise<ApplianceImage>;
  readonly installer: InstallerContext;
}

/** Finished artifact of another template. */
export interface ApplianceImage {
  /** Absolute. */
  readonly path: string;
  /** SHA-256 in hexadecimal, where it is known. */
  readonly digest?: string;
  /** Architecture of its guest, where it is known. */
  readonly arch?: ArchitectureName;
}

/** Facts of a template on which its base depends besides the definition. */
export interface BaseSetting {
  /** Absolute. */
  readonly templateFolder: string;
  readonly arch: ArchitectureName;
}

/** What a base needs that is created in a machine. */
export interface InstallerContext {
  readonly references: TemplateReferences;
  /** Machine of the template. Its disk has the context's `disk` bytes. */
  readonly machine: MachinePlan;
  /** True where the disk keeps the size of its image (`machine.skipResize`). */
  readonly keepsSize: boolean;
  /**
   * Prepares that machine for an installer. It waits until the host was checked.
   * @param key key pair with which the installed system is entered, where the installer gets it.
   */
  prepare(key: KeyPair | undefined): Promise<PreparedInstaller>;
}

/** Machine for an installer, and the UEFI variable store to begin with, where it has UEFI. */
export interface PreparedInstaller {
  readonly machine: InstallerMachine;
  readonly uefi: UefiFirmware | undefined;
}

/**
 * Facts about the system in a base. They are known only of systems that configure their network and
 * start SSH without cloud-init.
 */
export interface BaseSystem {
  /** Major version of systemd. */
  readonly systemd: number;
}

/** Image on this host. */
export interface FoundImage {
  /** Absolute. */
  readonly path: string;
  /** Address, path, suite or appliance. */
  readonly origin: string;
  /** `sha256:<hex>`, where it is known without reading the image again. */
  readonly digest: string | undefined;
  /** Version on the server; downloads only. */
  readonly upstream?: Upstream | undefined;
  /** Undefined where nothing is known about the system. */
  readonly system?: BaseSystem | undefined;
  /** Key pair that lets the build into the image. */
  readonly key?: KeyPair;
  /** Absolute path of the UEFI variable store that belongs to the image. */
  readonly firmwareVariables?: string;
  /** True for an image that can be published without a boot, if no step changes it. */
  readonly isComplete?: boolean;
}

/** Inputs of {@link BaseKind.check} besides the definition. */
export interface BaseCheckContext {
  readonly templateFolder: string;
  readonly references: TemplateReferences;
  readonly machine: Pick<MachinePlan, "network" | "arch" | "machineType">;
  /**
   * Returns undefined where the artifact is not built yet. Throws when there is no such template.
   */
  readonly findArtifact: (appliance: string) => Promise<ApplianceImage | undefined>;
}

/** Checks that `validate` performs. */
export interface BaseCheck {
  /** Problems of the definition itself; `key` is relative to `base`. */
  readonly problems?: readonly { readonly key: readonly string[]; readonly message: string }[];
  /** Files that must be on this host before a run. */
  readonly files?: readonly LocalFile[];
  /** Absolute path of the image, which is checked where it is on this host. */
  readonly image?: string;
  /** Virtual size in bytes, where the definition contains it. */
  readonly virtualSize?: number;
  /** Reason why the image is not on this host, where that is not a problem. */
  readonly absent?: string;
}

/** Requirements of a kind on this host in addition to those of every build. */
export interface HostRequirements {
  /** Programs that only this kind runs. */
  readonly programs: readonly ProgramName[];
  /** Consequence if any of it is missing. */
  readonly cost: string;
  /** Further prerequisite, checked where its program is installed. */
  readonly prerequisite: {
    readonly name: string;
    readonly program: ProgramName;
    /**
     * Describes the prerequisite, for bases of an architecture.
     * @throws {VmbuildError} with a hint, where it is not met.
     */
    probe(arch: ArchitectureName, signal: AbortSignal): Promise<string>;
  };
}

/** Facts about a template's machine that decide what its base needs. */
export interface CompletingMachine {
  readonly secureBoot: boolean;
  /** Bus of the disk. */
  readonly diskBus: string;
}

/** Kind of base image. `D` is its parsed definition. */
export interface BaseKind<D> {
  /** Key that identifies the kind in a template, and its name in a manifest. */
  readonly name: string;
  /** Keys of the definition, for messages: `{url, checksum}`. */
  readonly form: string;
  readonly schema: z.ZodType<D>;
  /** References that have a value only while the base is created. */
  readonly references?: readonly string[];
  /** True when the image may refer to other files of this host, such as a backing file. */
  readonly mayUseOtherFiles: boolean;
  /** True when an image may come with a key that lets the build in ({@link FoundImage.key}). */
  readonly mayLetBuildIn?: boolean;
  /** Returns the name or path of the template whose image the base is, where it is one. */
  template?(definition: D): string;
  /**
   * Returns the source that is compared with the image's manifest to find newer versions. Kinds
   * whose images are created on this host do not have this function.
   */
  source?(definition: D, templateFolder: string): InputSpec;
  /** Requirements that `vmbuild doctor` checks. */
  readonly host?: HostRequirements;
  /** Returns the definition, completed with what the template's machine requires of a base. */
  complete?(definition: D, machine: CompletingMachine): D;
  /**
   * Returns the definition that `--base bootstrap` puts in place of one of this kind: of a base with
   * the same Debian release that is created from packages, or the same one where there is nothing to
   * replace. Undefined where the definition does not name the release. Kinds whose definitions
   * never name one do not have this function.
   * @param definition as in the template: not checked, and with its references.
   */
  bootstrapped?(definition: Readonly<Record<string, unknown>>): unknown;
  /** Fetches or creates the image, or finds it in the cache. */
  resolve(definition: D, context: BaseContext): Promise<FoundImage>;
  /** Returns the programs of the host that resolving may run. */
  programs(definition: D, setting: BaseSetting): readonly ProgramName[];
  /** Returns the checks for `validate`. */
  check(definition: D, context: BaseCheckContext): Promise<BaseCheck>;
  /**
   * Returns facts about the system without creating the image; undefined where the image does not
   * exist yet. Kinds whose systems are not known do not have this function.
   */
  system?(definition: D, setting: BaseSetting): Promise<BaseSystem | undefined>;
  /** Describes the base for `vmbuild inspect`. */
  inspect(definition: D, setting: BaseSetting): SourceFacts;
}

/** Defines a kind of base, with its types inferred. */
export function defineBaseKind<D>(kind: BaseKind<D>): BaseKind<D> {
  return kind;
}
