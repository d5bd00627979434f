/** Defines formats that a single `qemu-img convert` writes. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { formatBytes } from "../host/format.js";
import { Tail } from "../host/lines.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { Conversion, OutputFormat } from "./format.js";

/** Properties in which these formats differ. */
interface QemuImgFormatOptions<N extends string, C extends string> extends Pick<
  OutputFormat<N, C>,
  "extension" | "compressions" | "startable"
> {
  /** Name of the format and of QEMU's driver. */
  readonly name: N;
  /** Returns the options for a compression. */
  readonly flags: (compression: C) => readonly string[];
}

/** Format with the argument list of its conversion. */
export interface QemuImgFormat<N extends string, C extends string> extends OutputFormat<N, C> {
  /** Returns the argument list for qemu-img, without the program's name. Pure. */
  argumentsOf(
    conversion: Pick<Conversion<C>, "source" | "destination" | "compression" | "reproducible">,
  ): string[];
}

/** Defines a format that one `qemu-img convert` writes. */
export function qemuImgFormat<const N extends string, const C extends string>(
  format: QemuImgFormatOptions<N, C>,
): QemuImgFormat<N, C> {
  const { name, extension, compressions, startable } = format;
  const argumentsOf: QemuImgFormat<N, C>["argumentsOf"] = (conversion) => [
    "convert",
    "-p",
    ...["-f", "qcow2", "-O", name],
    ...format.flags(conversion.compression),
    // With -W, clusters are written in any order. 16 coroutines is qemu-img's maximum; zlib is
    // limited by its own four threads and gains nothing from them.
    ...(conversion.reproducible ? [] : ["-W"]),
    ...(conversion.reproducible || conversion.compression === "zlib" ? [] : ["-m", "16"]),
    resolve(conversion.source),
    resolve(conversion.destination),
  ];
  return {
    name,
    extension,
    compressions,
    startable,
    programs: ["qemu-img"],
    argumentsOf,
    measure: (conversion) => measure(name, conversion),
    convert: (conversion, most) => convert({ name, most }, argumentsOf(conversion), conversion),
  };
}

const measureAnswer = z.object({ required: z.number() });

/** Returns the size of all allocated clusters without compression. */
async function measure(driver: string, { source, signal }: Conversion): Promise<number> {
  const args = ["measure", "--output=json", "-f", "qcow2", "-O", driver, resolve(source)];
  const result = await runProgram("qemu-img", args, {
    signal,
    captureOutput: true,
    env: { LC_ALL: "C" },
  });
  if (result.exitCode === 0) return measureAnswer.parse(JSON.parse(result.stdout)).required;
  throw new VmbuildError(
    "ARTIFACT_CONVERT",
    `qemu-img cannot read ${source}: ${describeExit(result)}`,
    {
      lines: result.lastLines,
    },
  );
}

async function convert(
  { name, most }: { readonly name: string; readonly most: number },
  args: readonly string[],
  { destination, compression, emit, signal }: Conversion,
): Promise<void> {
  const tail = new Tail();
  const described = compression === "none" ? name : `${name}, ${compression}`;
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
  if (lines.some((line) => /No space left on device|Disk quota exceeded/.test(line))) {
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
