/** Converts small Packer templates in tests. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { loadPackerTemplate } from "../../src/packer/load.js";
import { convertTemplate } from "../../src/packer/mapping/convert.js";
import type { Conversion, ConvertOptions } from "../../src/packer/mapping/convert.js";
import type { PackerLoadOptions } from "../../src/packer/model.js";

/** Makes a folder that is removed after the test, with files by their names. */
export async function packerFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "packer-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** Settings of {@link convert}. */
export interface ConvertSettings extends PackerLoadOptions, ConvertOptions {
  /** Further files by their names. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Converts the template of a text; its folder is Packer's working folder. */
export async function convert(
  text: string,
  { files = {}, resultFolder, ...options }: ConvertSettings = {},
): Promise<readonly Conversion[]> {
  const folder = await packerFolder({ "test.pkr.hcl": text, ...files });
  const { template } = loadPackerTemplate(folder, { environment: {}, ...options, cwd: folder });
  const { images } = await convertTemplate(template, { resultFolder });
  return images;
}

/** Converts a source with options, beside a null build that runs commands of this host. */
export async function convertAfter(
  commands: readonly string[],
  options: string,
  settings: ConvertSettings = {},
): Promise<Conversion> {
  const helper = `
source "null" "helper" { communicator = "none" }
build {
  sources = ["null.helper"]
  provisioner "shell-local" { inline = ${JSON.stringify(commands)} }
}`;
  const [image] = await convert(template(options, "", helper), settings);
  if (!image) throw new Error("the template has no image");
  return image;
}

/** Options of a source that starts from a disk image and is entered with the seed of vmbuild. */
export const IMAGE = `
  disk_image = true
  iso_url = "https://example.org/base.qcow2"
  iso_checksum = "none"
  ssh_username = "root"
`;

/** Returns a template with one source of options, and a build of further blocks. */
export function template(options: string, build = "", before = ""): string {
  return `${before}
source "qemu" "debian" {
  ${options}
}
build {
  sources = ["source.qemu.debian"]
  ${build}
}
`;
}

/** Converts a source with options, and the blocks of its build. */
export async function convertSource(
  options: string,
  build = "",
  settings: ConvertSettings = {},
): Promise<Conversion> {
  const [image] = await convert(template(options, build), settings);
  if (!image) throw new Error("the template has no image");
  return image;
}

/** Converts the blocks of a build that starts from a disk image; returns its steps. */
export async function stepsOf(
  build: string,
  settings: ConvertSettings = {},
): Promise<readonly unknown[]> {
  const { template: made } = await convertSource(IMAGE, build, settings);
  return Array.isArray(made["steps"]) ? made["steps"] : [];
}

/** Returns the refused options of an image: subject and text. */
export function refusedOf({ report }: Conversion): string[] {
  return report
    .filter(({ outcome }) => outcome === "refused")
    .map(({ subject, text }) => `${subject}: ${text}`);
}
