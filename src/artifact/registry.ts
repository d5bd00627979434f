/** Lists every output format. To add one, add a file in `formats/` and a line in this list. */
import type { OutputFormat } from "./format.js";
import { ova } from "./formats/ova.js";
import { qcow2 } from "./formats/qcow2.js";
import { raw } from "./formats/raw.js";
import { vagrantLibvirt } from "./formats/vagrant-libvirt.js";
import { vdi } from "./formats/vdi.js";
import { vhd } from "./formats/vhd.js";
import { vhdx } from "./formats/vhdx.js";
import { vmdk } from "./formats/vmdk.js";

/** All formats; the first is the default. */
const OUTPUT_FORMATS = [qcow2, raw, vmdk, vhd, vhdx, vdi, ova, vagrantLibvirt] as const;

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
/** Variants of all formats. */
export const SUBFORMATS: readonly string[] = OUTPUT_FORMATS.flatMap(({ subformats }) => subformats);

/** Returns a format by its name. */
export function formatNamed(name: ImageFormat): OutputFormat<ImageFormat, Compression> {
  const formats: readonly OutputFormat<ImageFormat, Compression>[] = OUTPUT_FORMATS;
  const format = formats.find((one) => one.name === name);
  if (!format) throw new Error(`there is no format ${name}`);
  return format;
}

/** File of an artifact as its manifest describes it. */
interface DescribedFile {
  readonly format: string;
  readonly pack?: string | undefined;
}

/** Returns whether a machine can start from a file, by its description in a manifest. */
export function isStartable({ format: name, pack }: DescribedFile): boolean {
  return (
    pack === undefined && OUTPUT_FORMATS.some((format) => format.name === name && format.startable)
  );
}
