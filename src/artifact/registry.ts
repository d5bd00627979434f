/** Lists every output format. To add one, add a file in `formats/` and a line in this list. */
import type { OutputFormat } from "./format.js";
import { qcow2 } from "./formats/qcow2.js";
import { raw } from "./formats/raw.js";

/** All formats; the first is the default. */
const OUTPUT_FORMATS = [qcow2, raw] as const;

/** Name of a format. */
export type ImageFormat = (typeof OUTPUT_FORMATS)[number]["name"];
/** Name of a compression. */
export type Compression = (typeof OUTPUT_FORMATS)[number]["compressions"][number];

/** Names of the formats, the default first. */
export const IMAGE_FORMATS: readonly ImageFormat[] = OUTPUT_FORMATS.map(({ name }) => name);
/** Compressions of all formats. */
export const COMPRESSIONS: readonly Compression[] = [
  ...new Set(OUTPUT_FORMATS.flatMap(({ compressions }): readonly Compression[] => compressions)),
];

/** Returns a format by its name. */
export function formatNamed(name: ImageFormat): OutputFormat<ImageFormat, Compression> {
  const formats: readonly OutputFormat<ImageFormat, Compression>[] = OUTPUT_FORMATS;
  const format = formats.find((one) => one.name === name);
  if (!format) throw new Error(`there is no format ${name}`);
  return format;
}

/** Returns whether a machine can start from a file of this format, by its name in a manifest. */
export function isStartable(name: string): boolean {
  return OUTPUT_FORMATS.some((format) => format.name === name && format.startable);
}
