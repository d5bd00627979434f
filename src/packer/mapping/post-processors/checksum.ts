/** Post-processor `checksum`: checksum files in Packer's format. */
import { dirname } from "node:path";
import { ALGORITHMS } from "../../../artifact/digest.js";
import { shellQuote } from "../../../host/programs.js";
import { resultPath } from "../context.js";
import type { PostProcessorKind } from "../post-processor.js";
import { mapped, oneOf } from "../rules.js";
import { renderKnown } from "../runtime.js";

const DEFAULT_OUTPUT = "packer_{{.BuildName}}_{{.BuilderType}}_{{.ChecksumType}}.checksum";
const DEFAULT_TYPES = ["md5"];

/** Checksums that the artifact has in any case. */
const ALWAYS = ["sha256", "md5"];

const TYPES = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/** Returns shell code that prints the checksum of the image. */
function checksumCode(type: string): string {
  return ALGORITHMS.some((name) => name === type)
    ? `"\${image.${type}}"`
    : `"$(${type}sum <"$VMBUILD_IMAGE_PATH" | cut -d ' ' -f 1)"`;
}

/** Checksum files. */
export const checksumPostProcessor: PostProcessorKind = {
  name: "checksum",
  rules: {
    checksum_types: mapped("output.checksums, and commands in after", (value) => {
      const items = Array.isArray(value) ? value : [value];
      const check = oneOf(TYPES, `is not one of ${TYPES.join(", ")}`);
      return items.map(check).find((problem) => problem !== undefined);
    }),
    output: mapped("commands in after"),
  },
  convert(reader, context) {
    const { draft, source } = context;
    const given = reader.texts("checksum_types");
    const types = given.length > 0 ? given : DEFAULT_TYPES;
    const output = reader.text("output") || DEFAULT_OUTPUT;
    const written = new Set<string>();
    const commands = types.flatMap((type) => {
      const runtime = { BuildName: source.buildName, BuilderType: source.type, ChecksumType: type };
      const path = resultPath(context, renderKnown(output, runtime));
      const redirect = written.has(path) ? ">>" : ">";
      written.add(path);
      return [
        `mkdir -p ${shellQuote(dirname(path))}`,
        `printf '%s\\t%s\\n' ${checksumCode(type)} "\${image.name}" ${redirect}${shellQuote(path)}`,
      ];
    });
    const wanted = types.filter((type) => ALGORITHMS.some((name) => name === type));
    draft.set(
      ["output", "checksums"],
      [...new Set([...ALWAYS, ...wanted])],
      reader.origin("checksum_types"),
    );
    context.addAfter([...new Set(commands)], {}, reader);
    return Promise.resolve();
  },
};
