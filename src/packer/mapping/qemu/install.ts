/** Converts an installation from an ISO image. */
import type { BlockReader } from "../block.js";
import { pathInOption, resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { durationText } from "../durations.js";
import { filesOf } from "../host-files.js";
import { isPlainObject, textOf } from "../plain.js";
import type { Plain, PlainObject } from "../plain.js";
import { SEED_FILES, cdFiles } from "../seeds/find.js";
import type { FoundSeed } from "../seeds/find.js";
import type { MediumFiles } from "../seeds/made-media.js";
import type { ArgumentFacts } from "./argument-facts.js";
import { setKeys } from "./keys.js";

/** Packer's defaults. */
const CD_LABEL = "packer";

/** References that vmbuild fills in where a file of an installer has them. */
const FILE_REFERENCE = /\$?\$\{(?:var\.[A-Za-z_]\w*|ssh\.publicKey|name|version)\}/g;

/**
 * Returns the content of an installer's file as vmbuild reads it: it fills in references twice, in
 * the template and in the file.
 */
function fileContent(text: string): string {
  return text.replace(FILE_REFERENCE, (whole) => (whole.startsWith("$$") ? `$${whole}` : whole));
}

/** Returns files of a medium as a template has them. */
function installFiles(files: MediumFiles, context: ImageContext): PlainObject {
  return Object.fromEntries(
    [...files].map(([name, file]): [string, Plain] => {
      if ("content" in file) return [name, { content: fileContent(file.content) }];
      return [name, resultPath(context, pathInOption(context, file.path))];
    }),
  );
}

function contentFiles(value: Plain | undefined): [string, { content: string }][] {
  if (!isPlainObject(value)) return [];
  return Object.entries(value).map(([name, text]) => [
    name.replace(/^\/+/, ""),
    { content: textOf(text) ?? "" },
  ]);
}

async function setMedia(reader: BlockReader, context: ImageContext, path: readonly string[]) {
  const { draft } = context;
  const media = [...path, "media"];
  const cd = await cdFiles(reader, context, "shell");
  if (cd.size > 0) {
    const label = reader.jsonText("cd_label") || CD_LABEL;
    const origin = reader.origin(reader.has("cd_content") ? "cd_content" : "cd_files");
    draft.add(media, { label, files: installFiles(cd, context) }, origin);
  }
  const flat = await filesOf(reader.texts("floppy_files"), context.template.cwd);
  const deep = await filesOf(reader.texts("floppy_dirs"), context.template.cwd);
  const floppy: MediumFiles = new Map<string, { path: string } | { content: string }>([
    ...flat.map(({ name, path: at }) => [name.split("/").at(-1) ?? name, { path: at }] as const),
    ...deep.map(({ name, path: at }) => [name, { path: at }] as const),
    ...contentFiles(reader.json("floppy_content", "shell")),
  ]);
  if (floppy.size === 0) return;
  const label = reader.jsonText("floppy_label");
  const medium = {
    floppy: true,
    ...(label !== undefined && label !== "" && { label }),
    files: installFiles(floppy, context),
  };
  draft.add(media, medium, reader.origin("floppy_files"));
}

function setServer(reader: BlockReader, context: ImageContext, path: readonly string[]): void {
  const { draft } = context;
  const folder = reader.text("http_directory");
  if (folder !== undefined && folder !== "") {
    const kept = reader.jsonText("http_directory") ?? folder;
    const at = [...path, "http", "folders"];
    draft.set(at, [resultPath(context, folder, kept)], reader.origin("http_directory"));
  }
  const files = contentFiles(reader.json("http_content", "shell"));
  if (files.length === 0) return;
  const content = installFiles(new Map(files), context);
  draft.set([...path, "http", "files"], content, reader.origin("http_content"));
}

/** Adds the CD of a seed that options other than those of a CD give the guest. */
function addSeed(
  { seed, options, text }: FoundSeed,
  { reader, draft }: ImageContext & { readonly reader: BlockReader },
  path: readonly string[],
): void {
  if (options.includes("cd_files")) return;
  const own = SEED_FILES.flatMap(([name, key]): [string, Plain][] => {
    const file = seed[key];
    if (file === undefined) return [];
    const content = isPlainObject(file) ? textOf(file["content"]) : undefined;
    return [[name, content === undefined ? file : { content: fileContent(content) }]];
  });
  const files = Object.fromEntries([
    ...own,
    ["meta-data", { content: "instance-id: packer\n" }] as const,
  ]);
  draft.add([...path, "media"], { label: "cidata", files }, reader.origin("qemuargs"));
  for (const option of options.filter((name) => reader.has(name))) {
    reader.say(option, "mapped", `base.install.media: ${text}`);
  }
}

/** Disk image that an installation starts from, with the seed of its guest. */
interface ImageStart {
  readonly image: PlainObject;
  readonly seed: FoundSeed | undefined;
}

/** What an installation starts from. */
export type InstallStart = { readonly iso: PlainObject } | ImageStart;

/** Sets what an installation of a disk image starts from besides the image. */
function setImage(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext & { readonly start: ImageStart },
  path: readonly string[],
): void {
  const { draft, start } = context;
  const { image, seed } = start;
  draft.set([...path, "image"], image, reader.origin("iso_url"));
  if (seed) addSeed(seed, { ...context, reader }, path);
  const [cd, ...others] = facts.cds.filter((file) => file !== seed?.image);
  if (cd !== undefined) {
    draft.set([...path, "iso"], { path: resultPath(context, cd) }, reader.origin("qemuargs"));
  }
  if (others.length === 0) return;
  const text = `${others.join(", ")}: vmbuild attaches one CD that it does not make; put the files into cd_files`;
  reader.say("qemuargs", "refused", text);
}

/** Sets `base.install`. */
export async function convertInstall(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext & { readonly start: InstallStart },
): Promise<void> {
  const { draft, start } = context;
  const path = ["base", "install"];
  if ("iso" in start) draft.set([...path, "iso"], start.iso, reader.origin("iso_url"));
  else setImage(reader, facts, { ...context, start }, path);
  for (const key of ["kernel", "initrd"] as const) {
    const file = facts[key];
    if (file === undefined) continue;
    draft.set([...path, key], { path: resultPath(context, file) }, reader.origin("qemuargs"));
  }
  if (facts.commandLine !== undefined) {
    draft.set([...path, "commandLine"], facts.commandLine, reader.origin("qemuargs"));
  }
  await setMedia(reader, context, path);
  if (/virtio-scsi/.test(reader.text("cdrom_interface") ?? "")) {
    draft.set([...path, "cdBus"], "virtio-scsi", reader.origin("cdrom_interface"));
  }
  setServer(reader, context, path);
  setKeys(reader, context, path);
  const isSilent = reader.text("communicator") === "none";
  draft.set([...path, "end"], isSilent ? "poweroff" : "ssh", reader.origin("communicator"));
  const limit = reader.jsonText(isSilent ? "shutdown_timeout" : "ssh_timeout");
  const older = isSilent ? undefined : reader.jsonText("ssh_wait_timeout");
  const timeout = durationText(limit ?? older ?? "5m");
  draft.set([...path, "timeout"], timeout, reader.origin("ssh_timeout"));
}
