/** Defines the types of value that templates and flags share: sizes, durations, names, checksums. */
import { z } from "zod";
import { SIZE_RANGES, readSize, sizeText } from "./sizes.js";
import type { SizeRange } from "./sizes.js";

export { parseSize } from "./sizes.js";

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds from `90s`, `30m`, `1h30m`, `500ms`, `2d`. A unit is required, since a bare
 * number would leave it open whether seconds or milliseconds are meant. Undefined otherwise.
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.replaceAll(/\s+/g, "").toLowerCase();
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(compact)) return undefined;
  let total = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * DURATION_UNITS[unit as keyof typeof DURATION_UNITS];
  }
  return Math.round(total);
}

/** Formats milliseconds as a template writes them, such as `30m`. */
function durationText(milliseconds: number): string {
  const units = Object.entries(DURATION_UNITS).toReversed();
  const [unit, length] =
    units.find(([, unitLength]) => milliseconds > 0 && milliseconds % unitLength === 0) ??
    (["s", DURATION_UNITS.s] as const);
  return `${milliseconds / length}${unit}`;
}

/** Longest time that setTimeout supports; a longer timer would fire at once. */
const MAX_MS = 2 ** 31 - 1;

function sizeField(range: SizeRange) {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const result = readSize(value, range);
      if ("bytes" in result) return result.bytes;
      context.addIssue({ code: "custom", message: result.problem });
      return z.NEVER;
    })
    .describe('size, such as "16G" or "512M" (powers of 1024)');
}

/** Makes a size optional. The JSON Schema and the reference show the default as templates write it. */
export function sizeOr(field: ReturnType<typeof sizeField>, bytes: number) {
  return field.prefault(sizeText(bytes));
}

/** Size without limits in a template. Parsed to bytes. */
export const size = sizeField(SIZE_RANGES.any);

/** Size of a machine's memory in a template. Parsed to bytes. */
export const memorySize = sizeField(SIZE_RANGES.memory);

/** Size of a disk in a template. Parsed to bytes. */
export const diskSize = sizeField(SIZE_RANGES.disk);

/** Size limit of stored data in a template. Parsed to bytes. */
export const limitSize = sizeField(SIZE_RANGES.limit);

/** Duration in a template. Parsed to milliseconds. */
export const duration = z
  .string()
  .transform((value, context) => {
    const milliseconds = parseDuration(value);
    if (milliseconds !== undefined && milliseconds <= MAX_MS) return milliseconds;
    const problem = milliseconds === undefined ? "is not a valid duration" : "exceeds 24 days";
    context.addIssue({
      code: "custom",
      message: `${JSON.stringify(value)} ${problem}; use for example "90s", "30m" or "1h30m"`,
    });
    return z.NEVER;
  })
  .describe('duration, such as "90s", "30m" or "1h30m"');

/** Makes a duration optional. The JSON Schema and the reference show the default as templates write it. */
export function durationOr(milliseconds: number) {
  return duration.prefault(durationText(milliseconds));
}

/** Name of a build, a step or an input, which is also used as a file name. */
export const identifier = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "a name consists of letters, digits, dots, dashes and underscores, begins with a letter or digit, and has at most 64 characters",
  );

/** Checksum in the form that templates use. */
export const checksum = z
  .string()
  .regex(
    /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|sha384:[0-9a-f]{96}|sha224:[0-9a-f]{56}|blake2b:[0-9a-f]{128}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32}|file:.+|none)$/i,
    'a checksum is "sha256:<hex>", "sha512:<hex>", "md5:<hex>", "file:<url of a checksum file>", or "none"',
  )
  .describe(
    'expected checksum: "sha256:<hex>", "sha512:<hex>", "md5:<hex>", "file:<URL or path of a checksum file>", or "none" (no verification, with a warning)',
  );

/** File mode in octal. Parsed to a number. */
export const fileMode = z
  .string()
  .regex(/^0?[0-7]{3,4}$/, 'a mode is an octal string, such as "0644"')
  .transform((text) => Number.parseInt(text, 8))
  .describe('file mode in octal, such as "0644"');

/** An owner as `chown` takes it. Files belong to root where none is given: root creates them. */
export const ownerField = z
  .string()
  .optional()
  .meta({ default: "root" })
  .describe('owner of the file in the guest, such as "www-data:www-data"');

/** Absolute path in the guest. */
export const guestPath = z
  .string()
  .startsWith("/", "a path in the guest must be absolute")
  .describe("absolute path in the guest");

/** Command, or several commands that run as one script. */
export const commands = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]))
  .describe("command, or list of commands that run as one script");

/** Environment of commands. */
export const environment = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a valid name for an environment variable"),
    z.union([z.string(), z.number(), z.boolean()]).transform(String),
  )
  .describe("environment variables for the commands");

/** Computes the new form of a relative path. */
export type MovePath = (path: string) => string;

/** Path of the host in a string of a template. */
export interface HostPathMark {
  /** Replaces the path in the string, if the string contains a relative one. */
  readonly change: (text: string, move: MovePath) => string;
  /** Path that a missing value stands for. */
  readonly missing?: string;
}

/**
 * Schemas of strings that are, or contain, a path of the host. Such a path is relative to the file
 * in which it stands, which may be a parent of the template.
 */
export const HOST_PATHS = z.registry<HostPathMark>();

const moveWhole: HostPathMark["change"] = (text, move) => move(text);

/** Marks a schema as that of a path of the host; see {@link HOST_PATHS}. */
export function hostPath<S extends z.ZodType>(schema: S, mark: Partial<HostPathMark> = {}): S {
  HOST_PATHS.add(schema, { change: moveWhole, ...mark });
  return schema;
}

/** Returns whether a text names a template by the path of its file or folder, and not by its name. */
export function isTemplatePath(text: string): boolean {
  return text.includes("/") || /\.jsonc?$/.test(text);
}

/** Folder of the host in which commands run. */
export const hostFolder = hostPath(
  z
    .string()
    .min(1)
    .describe("folder of the host in which the commands run; if omitted, the template's folder")
    .optional(),
  { missing: "." },
);
