/** Post-processor `vagrant`: a box for vagrant-libvirt. */
import { basename, dirname } from "node:path";
import { shellQuote } from "../../../host/programs.js";
import { renderRuntime } from "../../go-template/render.js";
import { GoTemplateError } from "../../go-template/syntax.js";
import type { BlockReader } from "../block.js";
import { absolutePath, isBesideImage, resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { textIfReadable } from "../host-files.js";
import { escapeText } from "../keep.js";
import { plainOf, textOf } from "../plain.js";
import type { PlainObject } from "../plain.js";
import type { PostProcessorKind } from "../post-processor.js";
import { mapped, nothing, refused } from "../rules.js";

const FORMAT = "vagrant-libvirt";

/** Returns the text for the box's Vagrantfile, with its Go template code filled in. */
async function vagrantfileOf(
  reader: BlockReader,
  context: ImageContext,
): Promise<string | undefined> {
  const option = "vagrantfile_template";
  const name = reader.text(option) ?? "";
  if (name === "") return undefined;
  const text = await textIfReadable(absolutePath(context, name));
  if (text === undefined) {
    reader.say(option, "refused", `there is no file ${name} that can be read`);
    return undefined;
  }
  const { template, source } = context;
  const variables = new Map(template.variables.map((one) => [one.name, one.value]));
  try {
    const rendered = renderRuntime(text, {
      fields: { Provider: "libvirt", BuildName: source.buildName },
      user: (variable) => textOf(plainOf(variables.get(variable) ?? null)) ?? "",
    });
    return escapeText(rendered, "plain");
  } catch (error) {
    if (!(error instanceof GoTemplateError)) throw error;
    reader.say(option, "refused", `${name} cannot be filled in: ${error.message}`);
    return undefined;
  }
}

/** Returns the texts of the files that the box contains besides its own, by their names. */
async function includedFiles(
  reader: BlockReader,
  context: ImageContext,
): Promise<PlainObject | undefined> {
  const option = "include";
  const paths = reader.texts(option).filter((path) => path !== "");
  if (paths.length === 0) return undefined;
  const files: [string, string][] = [];
  for (const path of paths) {
    const text = await textIfReadable(absolutePath(context, path));
    if (text !== undefined && isText(text)) {
      files.push([basename(path), escapeText(text, "plain")]);
      continue;
    }
    const why =
      text === undefined
        ? "does not exist before the build: it would become part of the template"
        : "is no text";
    reader.say(option, "refused", `${path} ${why}; add it to the box in \`after\``);
    return undefined;
  }
  return Object.fromEntries(files);
}

/** Returns whether what was read as UTF-8 is a text. */
const isText = (text: string): boolean => !/[\0\uFFFD]/.test(text);

/** Box for vagrant-libvirt. */
export const vagrantPostProcessor: PostProcessorKind = {
  name: "vagrant",
  rules: {
    output: mapped("output.formats, of the format vagrant-libvirt"),
    provider_override: mapped("output.formats", (value) =>
      ["", "libvirt"].includes(textOf(value) ?? "")
        ? undefined
        : "vmbuild makes boxes for libvirt only; remove it",
    ),
    compression_level: nothing("vmbuild chooses the compression of the box"),
    architecture: nothing("the box is for the architecture of the image"),
    include: mapped("output.formats: boxFiles, with the texts of the files"),
    override: refused("give the options for libvirt themselves"),
    vagrantfile_template: mapped("output.formats: vagrantfile, with the text of the file"),
    vagrantfile_template_generated: nothing(
      "the file has to exist before the build: it is part of the template",
    ),
  },
  async convert(reader, context) {
    const { draft, source } = context;
    const output = reader.text("output") || `packer_${source.buildName}_libvirt.box`;
    const filename = basename(output);
    const origin = reader.origin("output");
    const vagrantfile = await vagrantfileOf(reader, context);
    const boxFiles = await includedFiles(reader, context);
    const box = {
      ...{ format: FORMAT, filename },
      ...(vagrantfile !== undefined && { vagrantfile }),
      ...(boxFiles !== undefined && { boxFiles }),
    };
    draft.add(["output", "formats"], box, origin);
    const directory = textOf(draft.get(["output", "directory"])) ?? "";
    if (isBesideImage(context, output) || directory.includes("${")) return;
    const path = resultPath(context, output);
    const copy = [
      `[ "$VMBUILD_IMAGE_FORMAT" = ${FORMAT} ] || exit 0`,
      `mkdir -p ${shellQuote(dirname(path))}`,
      `cp --reflink=auto "$VMBUILD_IMAGE_PATH" ${shellQuote(path)}`,
    ];
    draft.add(["after"], { run: copy }, origin);
  },
};
