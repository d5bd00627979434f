/** Defines the template's `after` section: commands of the host that run once per published image. */
import { z } from "zod";
import { ALGORITHMS } from "../artifact/digest.js";
import type { Algorithm } from "../artifact/digest.js";
import { commands, durationOr, environment } from "../fields.js";

/** Default time limit: one hour, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60 * 60_000;

/** References that have a value in `after` only. */
export const IMAGE_REFERENCES: ReadonlySet<string> = new Set([
  ...["image.path", "image.name", "image.format", "image.manifest"],
  ...ALGORITHMS.map((algorithm) => `image.${algorithm}`),
]);

const REFERENCE = /\$?\$\{(image\.[^{}]*)\}/g;

const afterItem = z
  .strictObject({
    run: commands.describe(
      "command, or list of commands that run on the host, in the template's folder, as one bash script with `set -eo pipefail` and empty standard input",
    ),
    environment: environment.prefault({}),
    timeout: durationOr(DEFAULT_TIMEOUT_MS).describe("time limit for the commands"),
  })
  .describe("commands of the host");

/** Schema of the section. */
export const afterSchema = z
  .array(afterItem)
  .prefault([])
  .describe(
    "commands of the host that run in order when the image is published, once for each image. `${image.path}`, `${image.name}`, `${image.format}`, `${image.manifest}` and `${image.sha256}` (or another algorithm of output.checksums) stand for the image; VMBUILD_IMAGE_PATH, VMBUILD_IMAGE_SHA256 and so on contain the same values",
  );

/** Commands of the section. The timeout is in milliseconds. */
export type AfterCommands = z.infer<typeof afterItem>;

/** Returns the checksums that the section refers to and the artifact does not have. */
export function missingChecksums(
  after: readonly AfterCommands[],
  checksums: readonly Algorithm[],
): { readonly index: number; readonly algorithm: Algorithm }[] {
  return after.flatMap(({ run, environment: variables }, index) => {
    const text = [...run, ...Object.values(variables)].join("\n");
    return ALGORITHMS.filter(
      (name) => !checksums.includes(name) && text.includes(`\${image.${name}}`),
    ).map((algorithm) => ({ index, algorithm }));
  });
}

/**
 * Replaces the references to the image. `$${` stands for `${`. A value is inserted as it is, also
 * into commands.
 * @param values by reference: `image.path`.
 */
export function fillInImage(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(REFERENCE, (whole, reference: string) =>
    whole.startsWith("$$") ? whole.slice(1) : (values.get(reference) ?? whole),
  );
}
