/** Defines the messages between vmbuild here and vmbuild on another host. */
import { z } from "zod";
import { ERRORS, VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { identifier } from "../fields.js";

/** First word of the line with which the other side begins; all before it is the shell's output. */
export const HELLO = "vmbuild-hosts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const mode = z.int().min(0).max(0o7777);
/** Absolute, without `.` and `..`: it becomes a path below the folder of a bundle. */
const bundlePath = z
  .string()
  .regex(/^\/[^\0]*$/)
  .refine((path) => path.split("/").every((part) => part !== "." && part !== ".."));

/** Entry of a bundle. */
const entrySchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("file"),
    path: bundlePath,
    mode,
    size: z.int().nonnegative(),
    sha256,
  }),
  z.object({ type: z.literal("directory"), path: bundlePath, mode }),
  z.object({ type: z.literal("symlink"), path: bundlePath, link: z.string() }),
]);

/** File, folder or link of a bundle, with its path on the host that it comes from. */
export type BundleEntry = z.infer<typeof entrySchema>;

/** Word of a command line there. `path` is a file of the bundle, which ends the word. */
const hostArgument = z.object({ text: z.string(), path: bundlePath.optional() });

const port = z.int().min(1).max(65535);

const content = z.object({ sha256, size: z.int().nonnegative() });

/** Requests. `bytes` is the number of bytes that follow the line. */
export const requestSchema = z.discriminatedUnion("do", [
  z.object({ do: z.literal("offer"), contents: z.array(content) }),
  z.object({
    do: z.literal("put"),
    ...content.shape,
    from: z.int().nonnegative(),
    bytes: z.int().nonnegative(),
  }),
  z.object({
    do: z.literal("start"),
    name: identifier,
    template: bundlePath,
    folder: bundlePath,
    entries: z.array(entrySchema),
    arguments: z.array(hostArgument),
    environment: z.record(z.string(), z.string()),
  }),
  z.object({ do: z.literal("find"), run: z.string().optional() }),
  z.object({
    do: z.literal("events"),
    name: z.string(),
    run: z.string(),
    skip: z.int().nonnegative(),
  }),
  z.object({ do: z.literal("release"), name: z.string(), run: z.string() }),
  /** `run` is an id, a part of one, or a version; absent for the last run. */
  z.object({ do: z.literal("files"), name: z.string(), run: z.string().optional() }),
  z.object({
    do: z.literal("get"),
    name: z.string(),
    run: z.string().optional(),
    file: z.string(),
    from: z.int().nonnegative(),
  }),
  /** `forwards` are the numbers of the guest's ports. */
  z.object({
    do: z.literal("boot"),
    name: z.string(),
    arguments: z.array(hostArgument),
    forwards: z.array(port),
    environment: z.record(z.string(), z.string()),
  }),
  /** The caller of `boot` is still there. */
  z.object({ do: z.literal("alive") }),
  /** `known` is the digest of the picture that the caller has. */
  z.object({ do: z.literal("screen"), name: z.string(), known: sha256.optional() }),
]);

/** Request to the other side. */
export type HostRequest = z.infer<typeof requestSchema>;

/** Contents that the other side lacks, with the bytes of each that it has already. */
export const missingSchema = z.object({
  missing: z.array(z.object({ sha256, have: z.int().nonnegative() })),
});

/** Run that has been found or started. */
export const runSchema = z.object({
  name: z.string(),
  runId: z.string(),
  expiresAt: z.string().optional(),
});

/** End of a run. */
export const endSchema = z.object({ state: z.string(), outcome: z.string().optional() });

/** Words of the command that starts an image, and the ports there for those of the guest. */
export const bootSchema = z.object({ words: z.array(z.string()), ports: z.array(port) });

/** File of an artifact. */
const artifactFileSchema = z.object({
  /** Below the output folder, with `/`. */
  name: z
    .string()
    .refine((name) => name.split("/").every((part) => !["", ".", ".."].includes(part))),
  role: z.enum(["image", "checksums", "companion", "manifest"]),
  mode,
  ...content.shape,
});

/** File of an artifact on the other host. */
export type ArtifactFile = z.infer<typeof artifactFileSchema>;

/** Files of an artifact. */
export const filesSchema = z.object({ files: z.array(artifactFileSchema) });

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  lines: z.array(z.string()),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** Answer: lines of a log come before the result; `bytes` follow it. */
export const replySchema = z.union([
  z.object({ line: z.string() }),
  z.object({ result: z.unknown(), bytes: z.int().nonnegative().optional() }),
  z.object({ error: errorSchema }),
]);

/** Returns the error that the other side reported. */
export function errorOf(report: unknown): VmbuildError {
  const parsed = errorSchema.safeParse(report);
  if (!parsed.success) return new VmbuildError("DEFECT", "The other host sent an invalid error");
  const { code, message, ...more } = parsed.data;
  const isKnown = Object.hasOwn(ERRORS, code);
  return new VmbuildError(isKnown ? (code as ErrorCode) : "DEFECT", message, more);
}
