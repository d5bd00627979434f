/**
 * Defines the interface of an output format. Each format is a file in `formats/`; `registry.ts`
 * lists them.
 */
import type { Emit } from "../events/types.js";
import type { ProgramName } from "../host/programs.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";

/** Machine in which the image was built, for formats that describe a machine beside the disk. */
export interface MachineFacts {
  /** Name of the template. */
  readonly name: string;
  /** Version of the template. */
  readonly version: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly firmware: string;
}

/** Conversion of a disk. Paths are absolute. */
export interface Conversion<C extends string = string> {
  /** qcow2 disk of the stopped machine. Backing files are merged, and snapshots are left out. */
  readonly source: string;
  /**
   * Temporary name. The caller removes the file after a failure; its folder may contain other
   * files.
   */
  readonly destination: string;
  /** Final name of the file, for formats that record it. */
  readonly filename: string;
  /**
   * Empty folder on the file system of `destination`, for files that are needed meanwhile. The
   * caller removes it.
   */
  readonly scratch: string;
  /** One of the format's variants; its first one, or undefined where it has none. */
  readonly subformat: string | undefined;
  /** One of the format's compressions. */
  readonly compression: C;
  /** Requires that two conversions of one disk give identical files. */
  readonly reproducible: boolean;
  readonly machine: MachineFacts;
  /** Text that the template adds to the Vagrantfile, for a format that has one. */
  readonly vagrantfile?: string | undefined;
  /** Texts of further files by their names, for a box. */
  readonly boxFiles?: Readonly<Record<string, string>> | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Settings of an image on which its size depends. */
export type SizeSettings = Pick<Conversion, "compression" | "subformat">;

/** Density of a file: `compressed` takes less space than the disk's allocated bytes. */
export type Density = "compressed" | "plain";

/** Format of finished images. `N` is its name, `C` the names of its compressions. */
export interface OutputFormat<N extends string = string, C extends string = string> {
  /** Value of `output.format` in a template, and the format of the file in the manifest. */
  readonly name: N;
  /** File extension: `.qcow2`. */
  readonly extension: string;
  /** Supported values of `output.compression`; the first is the default. */
  readonly compressions: readonly [C, ...C[]];
  /** Supported values of `output.subformat`; the first is the default. Empty where there are none. */
  readonly subformats: readonly string[];
  /** True when a machine can start from the file: for `boot`, `test`, and `base.appliance`. */
  readonly startable: boolean;
  /** True when the file is a disk image, which can be compressed as a whole (`output.pack`). */
  readonly packable: boolean;
  /**
   * Names of the files that a Vagrant box consists of, to which a template may add
   * (`output.vagrantfile`, `output.boxFiles`); undefined for other formats.
   */
  readonly ownBoxFiles?: readonly string[];
  /** Architectures of the machines that the format describes; undefined for a disk alone. */
  readonly architectures?: readonly ArchitectureName[];
  /** Largest disk that the format can hold, in bytes; undefined where it has no practical limit. */
  readonly largestDisk?: number;
  /** Programs of the host that a conversion runs. */
  readonly programs: readonly ProgramName[];
  /** Returns the density of the file, and of the file that is needed in addition meanwhile. */
  density(settings: SizeSettings): { readonly file: Density; readonly scratch?: Density };
  /** Returns the size of the disk in the file, for a disk of that size. Bytes. */
  readonly diskSize: (size: number) => number;
  /**
   * Writes the file and emits `progress` events of the task `compact`.
   * @param most the largest size that the file can reach in bytes, for messages.
   * @throws {VmbuildError} ARTIFACT_SPACE, ARTIFACT_CONVERT, ARTIFACT_DIGEST.
   */
  convert(conversion: Conversion<C>, most: number): Promise<void>;
}
