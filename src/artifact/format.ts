/**
 * Defines the interface of an output format. Each format is a file in `formats/`; `registry.ts`
 * lists them.
 */
import type { Emit } from "../events/types.js";
import type { ProgramName } from "../host/programs.js";

/** Machine in which the image was built, for formats that describe a machine beside the disk. */
export interface MachineFacts {
  readonly name: string;
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
  /** One of the format's compressions. */
  readonly compression: C;
  /** Requires that two conversions of one disk give identical files. */
  readonly reproducible: boolean;
  readonly machine: MachineFacts;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Format of finished images. `N` is its name, `C` the names of its compressions. */
export interface OutputFormat<N extends string = string, C extends string = string> {
  /** Value of `output.format` in a template, and the format of the file in the manifest. */
  readonly name: N;
  /** File extension: `.qcow2`. */
  readonly extension: string;
  /** Supported values of `output.compression`; the first is the default. */
  readonly compressions: readonly [C, ...C[]];
  /** True when a machine can start from the file: for `boot`, `test`, and `base.appliance`. */
  readonly startable: boolean;
  /** Programs of the host that a conversion runs. */
  readonly programs: readonly ProgramName[];
  /**
   * Returns the largest size of the resulting file in bytes.
   * @throws {VmbuildError} ARTIFACT_CONVERT when the source cannot be read.
   */
  measure(conversion: Conversion<C>): Promise<number>;
  /**
   * Writes the file and emits `progress` events of the task `compact`, in percent.
   * @param most the result of `measure`, for messages.
   * @throws {VmbuildError} ARTIFACT_SPACE, ARTIFACT_CONVERT.
   */
  convert(conversion: Conversion<C>, most: number): Promise<void>;
}
