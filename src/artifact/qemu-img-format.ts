/** Defines formats that a single `qemu-img convert` writes. */
import { rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { freeSpace } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { Tail } from "../host/lines.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { Conversion, Density, OutputFormat, SizeSettings } from "./format.js";

/** Properties in which these formats differ. */
interface QemuImgFormatOptions<N extends string, C extends string>
  extends
    Pick<OutputFormat<N, C>, "name" | "extension" | "compressions" | "startable">,
    Partial<Pick<OutputFormat<N, C>, "subformats" | "largestDisk" | "diskSize">> {
  /** Name of QEMU's driver where it differs from the format's. */
  readonly driver?: string;
  /** Returns the options for the settings. */
  readonly flags?: (
    settings: Pick<Conversion<C>, "compression" | "subformat">,
  ) => readonly string[];
  /** True where several threads may write clusters in any order, which only some drivers gain from. */
  readonly parallel?: boolean;
  /** True where the file itself compresses its data, in a variant or always. */
  readonly isCompressed?: (settings: SizeSettings) => boolean;
  /** True where the file records its own name. */
  readonly recordsName?: boolean;
  /** Returns the disk to convert, where it is not the machine's own. */
  readonly prepare?: (conversion: Conversion<C>) => Promise<string>;
  /**
   * Replaces identifiers and times that qemu-img writes and that differ each time. Called for
   * reproducible images.
   */
  readonly settle?: (path: string, conversion: Conversion<C>) => Promise<void>;
}

/** Settings from which the arguments are derived. */
type ArgumentSettings<C extends string> = Pick<
  Conversion<C>,
  "source" | "destination" | "compression" | "reproducible"
> &
  Partial<Pick<Conversion<C>, "subformat">>;

/** Format with the argument list of its conversion. */
export interface QemuImgFormat<N extends string, C extends string> extends OutputFormat<N, C> {
  /** Returns the argument list for qemu-img, without the program's name. Pure. */
  argumentsOf(settings: ArgumentSettings<C>): string[];
}

/** Defines a format that one `qemu-img convert` writes. */
export function qemuImgFormat<const N extends string, const C extends string>(
  format: QemuImgFormatOptions<N, C>,
): QemuImgFormat<N, C> {
  const { name, extension, compressions, startable, parallel = false } = format;
  const isCompressed = format.isCompressed ?? (({ compression }) => compression !== "none");
  const argumentsOf: QemuImgFormat<N, C>["argumentsOf"] = (settings) => {
    const { source, destination, compression, subformat, reproducible } = settings;
    return [
      "convert",
      "-p",
      ...["-f", "qcow2", "-O", format.driver ?? name],
      ...(format.flags?.({ compression, subformat }) ?? []),
      // With -W, clusters are written in any order. 16 coroutines is qemu-img's maximum; zlib is
      // limited by its own four threads and gains nothing from them.
      ...(parallel && !reproducible ? ["-W"] : []),
      ...(parallel && !reproducible && compression !== "zlib" ? ["-m", "16"] : []),
      resolve(source),
      resolve(destination),
    ];
  };
  const density = (settings: SizeSettings): { file: Density } => ({
    file: isCompressed(settings) ? "compressed" : "plain",
  });
  return {
    name,
    extension,
    compressions,
    subformats: format.subformats ?? [],
    startable,
    packable: true,
    ...(format.largestDisk === undefined ? {} : { largestDisk: format.largestDisk }),
    programs: ["qemu-img"],
    argumentsOf,
    density,
    diskSize: format.diskSize ?? ((size) => size),
    async convert(conversion, most) {
      const { destination, filename, scratch, reproducible } = conversion;
      const source = (await format.prepare?.(conversion)) ?? conversion.source;
      const written = format.recordsName ? join(scratch, recordableName(filename)) : destination;
      const args = argumentsOf({ ...conversion, source, destination: written });
      await runConvert({ name, most }, args, conversion);
      if (reproducible) await format.settle?.(written, conversion);
      if (written !== destination) await rename(written, destination);
    },
  };
}

/**
 * Returns the name for a file that records it in quotation marks. Characters with a meaning in
 * descriptors are replaced; readers find the data of a single file without the name.
 */
function recordableName(filename: string): string {
  return filename.replaceAll(/[^A-Za-z0-9+._-]/g, "_");
}

/**
 * Free space in bytes below which a failed conversion has filled the disk. For a compressed VMDK,
 * qemu-img 7.2 then reports "Invalid argument".
 */
const FULL_BELOW = 2 ** 20;

async function runConvert(
  { name, most }: { readonly name: string; readonly most: number },
  args: readonly string[],
  { destination, compression, subformat, emit, signal }: Conversion,
): Promise<void> {
  const tail = new Tail();
  const settings = [subformat, compression === "none" ? undefined : compression];
  const described = [name, ...settings.filter((text) => text !== undefined)].join(", ");
  const label = `Writing the image (${described})`;
  let shown = -1;
  const result = await runProgram("qemu-img", args, {
    signal,
    env: { LC_ALL: "C" },
    onLine(line, stream) {
      const percent = /\((\d+)\.\d+\/100%\)/.exec(line)?.[1];
      if (stream === "stderr" || percent === undefined) return tail.push(line);
      if (Number(percent) === shown) return;
      shown = Number(percent);
      emit({ type: "progress", task: "compact", label, done: shown, total: 100, unit: "percent" });
    },
  });
  if (result.exitCode === 0) return;
  const lines = tail.lines.filter((line) => line.trim() !== "");
  const folder = dirname(destination);
  if (reportsDiskFull(lines) || (await freeSpace(destination)) < FULL_BELOW) {
    throw new VmbuildError(
      "ARTIFACT_SPACE",
      `The disk that holds ${folder} is full; the image takes at most ${formatBytes(most)}`,
      { lines: [...new Set(lines)].slice(-1), details: { folder, atMost: most } },
    );
  }
  throw new VmbuildError(
    "ARTIFACT_CONVERT",
    `qemu-img could not write the image to ${folder}: ${describeExit(result)}`,
    { lines, details: { folder } },
  );
}
