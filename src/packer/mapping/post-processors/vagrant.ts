/** Post-processor `vagrant`: a box for vagrant-libvirt. */
import { basename, dirname, relative, resolve } from "node:path";
import { shellQuote } from "../../../host/programs.js";
import { resultPath } from "../context.js";
import { textOf } from "../plain.js";
import type { PostProcessorKind } from "../post-processor.js";
import { mapped, nothing, refused } from "../rules.js";

const FORMAT = "vagrant-libvirt";

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
    include: refused("the box contains the image and its metadata only; add files in `after`"),
    override: refused("give the options for libvirt themselves"),
    vagrantfile_template: refused(
      "the box has a Vagrantfile of vmbuild's; put your settings into your own Vagrantfile",
    ),
    vagrantfile_template_generated: nothing("there is no other Vagrantfile"),
  },
  convert(reader, context) {
    const { draft, source, template } = context;
    const output = reader.text("output") || `packer_${source.buildName}_libvirt.box`;
    const filename = basename(output);
    const origin = reader.origin("output");
    draft.add(["output", "formats"], { format: FORMAT, filename }, origin);
    const directory = textOf(draft.get(["output", "directory"])) ?? "";
    const isBeside =
      relative(resolve(template.cwd, directory), resolve(template.cwd, dirname(output))) === "";
    if (isBeside || directory.includes("${")) return Promise.resolve();
    const path = resultPath(context, output);
    const copy = [
      `[ "$VMBUILD_IMAGE_FORMAT" = ${FORMAT} ] || exit 0`,
      `mkdir -p ${shellQuote(dirname(path))}`,
      `cp --reflink=auto "$VMBUILD_IMAGE_PATH" ${shellQuote(path)}`,
    ];
    draft.add(["after"], { run: copy }, origin);
    return Promise.resolve();
  },
};
