/**
 * Reads what builds without an image prepare: media and copies of commands, files of the `file`
 * builder.
 */
import { resolve } from "node:path";
import type { PackerBlock, PackerBuildSource, PackerTemplate } from "../model.js";
import { HELPERS } from "./builders/registry.js";
import { plainOf, listOf, textOf } from "./plain.js";
import type { Plain } from "./plain.js";
import type { Report } from "./report.js";
import { readIsoCommands } from "./seeds/iso-commands.js";
import type { MadeMedia, Medium } from "./seeds/made-media.js";

/** Returns whether a source makes no image. */
export function isHelper({ type }: Pick<PackerBuildSource, "type">): boolean {
  return HELPERS.some((name) => name === type);
}

const valueOf = (block: PackerBlock, name: string): Plain | undefined => {
  const attribute = block.attributes.get(name);
  return attribute && plainOf(attribute.value);
};

/** Returns the content of the files that `file` builders write, by absolute path. */
function writtenFiles({ builds, cwd }: PackerTemplate): Map<string, string> {
  const written = new Map<string, string>();
  for (const { block } of builds.flatMap(({ sources }) => sources).filter(isHelper)) {
    const target = textOf(valueOf(block, "target"));
    const content = textOf(valueOf(block, "content"));
    if (target !== undefined && content !== undefined) written.set(resolve(cwd, target), content);
  }
  return written;
}

/** Returns the lines of a block of commands of the host. */
function linesOf(block: PackerBlock): string[] {
  const command = textOf(valueOf(block, "command"));
  const inline = listOf(valueOf(block, "inline")).map((line) => textOf(line) ?? "");
  return command === undefined ? inline : [command, ...inline];
}

function report(
  block: PackerBlock,
  entry: { readonly mapped: boolean; readonly text: string },
  list: Report,
): void {
  const outcome = entry.mapped ? "mapped" : "refused";
  list.add({
    place: block.place,
    subject: `${block.type} ${block.labels[0] ?? ""}`.trim(),
    outcome,
    text: entry.text,
  });
}

/**
 * Reads the commands of builds without an image, and those of shell-local provisioners that make
 * media or copy files. Commands that do something else are reported, because they run before the
 * machine in Packer.
 */
export async function readHelpers(
  template: PackerTemplate,
  list: Report,
): Promise<{
  readonly media: MadeMedia;
  readonly copies: ReadonlyMap<string, string>;
  readonly written: ReadonlyMap<string, string>;
}> {
  const written = writtenFiles(template);
  const media = new Map<string, Medium>();
  const copies = new Map<string, string>();
  const sources = template.builds.flatMap((build) => build.sources);
  for (const source of sources) {
    const blocks = [...source.provisioners, ...source.postProcessors.flat()];
    for (const block of blocks.filter(({ labels }) => labels[0] === "shell-local")) {
      const lines = linesOf(block);
      const made = await readIsoCommands(lines, { folder: template.cwd, written });
      for (const [path, medium] of made.media) media.set(path, medium);
      for (const [path, from] of made.copies) copies.set(path, from);
      if (!isHelper(source)) continue;
      if (made.media.size > 0 && made.others.length === 0) {
        report(
          block,
          { mapped: true, text: "the seed of the image, which vmbuild makes itself" },
          list,
        );
      } else {
        const text =
          "these commands run before the machine in Packer; run them before vmbuild, or move them " +
          "to a provisioner of the image";
        report(block, { mapped: false, text }, list);
      }
    }
  }
  return { media, copies, written };
}
