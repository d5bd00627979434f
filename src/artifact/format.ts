/** What a format of finished images is. Each has one file in `formats/`; `registry.ts` lists them. */
import type { Emit } from "../events/types.js";
import type { ProgramName } from "../host/programs.js";

/** The machine that an image was built in, for formats that describe one beside the disk. */
export interface MachineFacts {
  readonly name: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly firmware: string;
}

/** A conversion. Paths are absolute. */
export interface Conversion<C extends string = string> {
  /** The stopped machine's qcow2 disk. Backing files are merged, snapshots left behind. */
  readonly source: string;
  /** A temporary name, removed by the caller after any failure; its folder may hold others. */
  readonly destination: string;
  /** One of the format's. */
  readonly compression: C;
  /** Two conversions of one disk come out equal, byte for byte. */
  readonly reproducible: boolean;
  readonly machine: MachineFacts;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** A format of finished images. `N` is its name, `C` the names of its compressions. */
export interface OutputFormat<N extends string = string, C extends string = string> {
  /** `output.format` in a template, and the format of the file in the manifest. */
  readonly name: N;
  /** The ending of its files: `.qcow2`. */
  readonly extension: string;
  /** The values of `output.compression` that it knows; the first is the default. */
  readonly compressions: readonly [C, ...C[]];
  /** Whether a machine can start from the file: `boot`, `test`, and `base.appliance`. */
  readonly startable: boolean;
  /** Programs of the host that a conversion runs. */
  readonly programs: readonly ProgramName[];
  /**
   * Finds out how many bytes the file can take at most.
   * @throws {VmbuildError} ARTIFACT_CONVERT when the source cannot be read.
   */
  measure(conversion: Conversion<C>): Promise<number>;
  /**
   * Writes the file, with `progress` events of the task `compact`, in percent.
   * @param most what `measure` found, for messages.
   * @throws {VmbuildError} ARTIFACT_SPACE, ARTIFACT_CONVERT.
   */
  convert(conversion: Conversion<C>, most: number): Promise<void>;
}
