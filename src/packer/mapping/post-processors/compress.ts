/** Post-processor `compress`: an archive or a compressed file of the image. */
import { dirname } from "node:path";
import { shellQuote } from "../../../host/programs.js";
import { resultPath } from "../context.js";
import type { PostProcessorKind } from "../post-processor.js";
import { mapped, refused } from "../rules.js";

const DEFAULT_OUTPUT = "packer_{{.BuildName}}_{{.BuilderType}}";

/** Programs by the extension of the output. */
const PROGRAMS: readonly (readonly [RegExp, (level: string) => string])[] = [
  [/\.gz$/i, (level) => `gzip -c${level}`],
  [/\.xz$/i, () => "xz -c -T0"],
  [/\.bz2$/i, (level) => `bzip2 -c${level}`],
  [/\.lz4$/i, () => "lz4 -c"],
];

function commandOf(output: string, level: string): string {
  const quoted = shellQuote(output);
  const inFolder = `-C "$(dirname "$VMBUILD_IMAGE_PATH")"`;
  const name = `"$(basename "$VMBUILD_IMAGE_PATH")"`;
  if (/\.zip$/i.test(output)) {
    return `rm -f ${quoted} && zip -j${level} ${quoted} "$VMBUILD_IMAGE_PATH"`;
  }
  if (/\.tar$/i.test(output)) return `tar ${inFolder} -cf ${quoted} ${name}`;
  if (/\.(?:tar\.\w+|tgz|txz|tbz2?)$/i.test(output))
    return `tar ${inFolder} -caf ${quoted} ${name}`;
  const program = PROGRAMS.find(([pattern]) => pattern.test(output))?.[1];
  if (program) return `${program(level)} "$VMBUILD_IMAGE_PATH" >${quoted}`;
  return `tar ${inFolder} -czf ${quoted} ${name}`;
}

/** Archive of the image. */
export const compressPostProcessor: PostProcessorKind = {
  name: "compress",
  rules: {
    output: mapped("a command in after"),
    compression_level: mapped("a command in after"),
    format: refused("the extension of output sets the format; remove it"),
    archive: refused("the extension of output sets the format; remove it"),
    algorithm: refused("the extension of output sets the format; remove it"),
  },
  convert(reader, context) {
    const { source } = context;
    const fallback = DEFAULT_OUTPUT.replace("{{.BuildName}}", source.buildName).replace(
      "{{.BuilderType}}",
      source.type,
    );
    const output = resultPath(context, reader.text("output") || fallback);
    const number = reader.number("compression_level") ?? 0;
    const level = number >= 1 ? ` -${Math.min(9, number)}` : "";
    const commands = [`mkdir -p ${shellQuote(dirname(output))}`, commandOf(output, level)];
    context.addAfter(commands, {}, reader);
    return Promise.resolve();
  },
};
