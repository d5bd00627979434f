/**
 * Defines the template's sections of host commands: `post`, which changes the disk of the stopped
 * machine, and `after`, which runs once for each published image.
 */
import { z } from "zod";
import { ALGORITHMS } from "../artifact/digest.js";
import type { Algorithm } from "../artifact/digest.js";
import { commands, durationOr, environment, hostFolder } from "../fields.js";
import type { JsonPath } from "./document.js";

/** Default time limit: one hour, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60 * 60_000;

/** Sections, and the references that have a value in them when their commands run. */
const SECTIONS = {
  post: ["disk.path"],
  after: [
    ...["image.path", "image.name", "image.format", "image.manifest"],
    ...ALGORITHMS.map((algorithm) => `image.${algorithm}`),
  ],
} as const satisfies Record<string, readonly string[]>;

/** Name of a section of host commands. */
export type HostSection = keyof typeof SECTIONS;

/** Places outside these sections in which the references of `after` have a value, too. */
const OTHER_PLACES = /^output\.packerManifest\.(artifactId|customData)(\.|$)/;

const isSection = (key: unknown): key is HostSection =>
  typeof key === "string" && Object.hasOwn(SECTIONS, key);

const REFERENCE = /\$?\$\{((?:image|disk)\.[^{}]*)\}/g;

/** Returns whether a reference is one to the image or the disk, valid or not. */
export function isLateReference(reference: string): boolean {
  return /^(image|disk)\./.test(reference);
}

/** Returns whether a place of the template is one in which a reference has a value later. */
export function hasValueIn(path: JsonPath, reference: string): boolean {
  const key = OTHER_PLACES.test(path.join(".")) ? "after" : path[0];
  return isSection(key) && SECTIONS[key].some((name) => name === reference);
}

/** Returns the message for a reference to the image or the disk that has no value in its place. */
export function lateReferenceMessage(reference: string): string {
  const [section] = Object.entries(SECTIONS).find(([key]) => hasValueIn([key], reference)) ?? [];
  if (section !== undefined) return `\${${reference}} has a value only in "${section}"`;
  const lists = Object.entries(SECTIONS).map(
    ([key, names]) => `${names.map((name) => `\${${name}}`).join(", ")} (in "${key}")`,
  );
  return `\${${reference}} is not a valid reference; valid ones are ${lists.join(" and ")}`;
}

const item = z
  .strictObject({
    run: commands.describe(
      "command, or list of commands that run on the host as one bash script with `set -eo pipefail` and empty standard input",
    ),
    cwd: hostFolder,
    environment: environment.prefault({}),
    timeout: durationOr(DEFAULT_TIMEOUT_MS).describe("time limit for the commands"),
  })
  .describe("commands of the host");

/** Commands of a section. The timeout is in milliseconds. */
export type HostCommands = z.infer<typeof item>;

/** Schema of `post`. */
export const postSchema = z
  .array(item)
  .prefault([])
  .describe(
    "commands of the host that change the disk after the machine has stopped, before it is compacted, in order. `${disk.path}`, or VMBUILD_DISK_PATH, is a qcow2 image on top of the build's disk",
  );

/** Schema of `after`. */
export const afterSchema = z
  .array(item)
  .prefault([])
  .describe(
    "commands of the host that run in order when the image is published, once for each image. `${image.path}`, `${image.name}`, `${image.format}`, `${image.manifest}` and `${image.sha256}` (or another algorithm of output.checksums) stand for the image; VMBUILD_IMAGE_PATH, VMBUILD_IMAGE_SHA256 and so on contain the same values",
  );

/** Returns the algorithms whose checksum a text refers to. */
export function checksumsIn(text: string): Algorithm[] {
  return ALGORITHMS.filter((name) => text.includes(`\${image.${name}}`));
}

/** Returns the checksums that `after` refers to and the artifact does not have. */
export function missingChecksums(
  after: readonly HostCommands[],
  checksums: readonly Algorithm[],
): { readonly index: number; readonly algorithm: Algorithm }[] {
  return after.flatMap(({ run, environment: variables }, index) => {
    const text = [...run, ...Object.values(variables)].join("\n");
    return checksumsIn(text)
      .filter((algorithm) => !checksums.includes(algorithm))
      .map((algorithm) => ({ index, algorithm }));
  });
}

/**
 * Replaces references to the image or the disk. `$${` stands for `${`. A value is inserted as it
 * is, also into commands.
 * @param values by reference: `image.path`.
 */
export function fillIn(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(REFERENCE, (whole, reference: string) => {
    const value = values.get(reference);
    if (value === undefined) return whole;
    return whole.startsWith("$$") ? whole.slice(1) : value;
  });
}

/** Returns the environment variables that contain the values: `VMBUILD_IMAGE_PATH`. */
export function variablesOf(values: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    [...values].map(([reference, value]) => [
      `VMBUILD_${reference.replace(".", "_").toUpperCase()}`,
      value,
    ]),
  );
}
