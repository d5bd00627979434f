/**
 * Defines `manifest.json`, which describes an artifact, what it was made from, and how long each
 * part took.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { ALGORITHMS } from "./digest.js";
import { COMPRESSIONS } from "./registry.js";

/** File name in the output folder. */
export const MANIFEST_NAME = "manifest.json";
/**
 * Version of the manifest. It changes when the meaning of a field changes; new fields do not change
 * it.
 */
export const MANIFEST_VERSION = 1;

const digest = z
  .string()
  .regex(/^(sha256|sha512|sha1|md5):[0-9a-f]+$/, 'a digest is "sha256:<hex>"')
  .describe("algorithm and lower-case hexadecimal");
const bytes = z.int().nonnegative().describe("bytes");
const milliseconds = z.number().nonnegative().describe("milliseconds");

const file = z.object({
  name: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\0]+$/, "a name without folders")
    .describe("beside the manifest"),
  format: z.string().describe("qcow2, raw, or what else the file is"),
  compression: z.enum(COMPRESSIONS).optional(),
  size: bytes,
  virtualSize: bytes.optional().describe("bytes that a guest sees; disk images only"),
  checksums: z
    .partialRecord(
      z.enum(ALGORITHMS),
      z.string().regex(/^[0-9a-f]+$/, "not lower-case hexadecimal"),
    )
    .describe("by algorithm, lower-case hexadecimal"),
});

/** Schema of `manifest.json`. Unknown keys are ignored, so that later versions can add some. */
export const manifestSchema = z.object({
  manifestVersion: z.literal(MANIFEST_VERSION),
  name: z.string().min(1),
  version: z.string(),
  created: z.iso.datetime().describe("UTC"),
  template: z.object({
    path: z.string().optional().describe("as it was given"),
    digest,
  }),
  base: z.object({
    kind: z.string().min(1).describe("its key in the template: url, path, bootstrap, appliance"),
    origin: z.string().describe("address, path, suite or appliance"),
    digest: digest.optional(),
    files: z
      .array(z.object({ name: z.string(), digest }))
      .optional()
      .describe("further files of the host that the base consisted of: its backing files"),
  }),
  inputs: z.array(
    z.object({
      name: z.string(),
      origin: z.string().describe("address or path"),
      digest: digest.optional(),
      commit: z.string().optional().describe("of a git tree"),
    }),
  ),
  vmbuild: z.object({ version: z.string() }),
  qemu: z.object({ version: z.string() }),
  accelerator: z.string(),
  host: z.object({ arch: z.string(), os: z.string() }).optional(),
  files: z.array(file).min(1),
  companions: z
    .array(z.string())
    .optional()
    .describe("files and folders beside the image that steps made"),
  steps: z.array(
    z.object({
      name: z.string(),
      durationMs: milliseconds,
      restored: z.boolean().optional().describe("taken from a checkpoint, not run this time"),
    }),
  ),
  changedByHand: z
    .array(z.string())
    .optional()
    .describe(
      "steps whose saved state somebody changed (`vmbuild ssh --save`) before the rest ran",
    ),
});

/** Content of `manifest.json`. */
export type Manifest = z.infer<typeof manifestSchema>;
/** File of an artifact in the manifest. */
export type ManifestFile = z.infer<typeof file>;

/**
 * Formats a manifest as validated JSON, with keys in the schema's order, indented by two spaces.
 * @throws {VmbuildError} DEFECT when it does not match its own schema.
 */
export function formatManifest(manifest: Manifest): string {
  const result = manifestSchema.safeParse(manifest);
  if (result.success) return `${JSON.stringify(result.data, undefined, 2)}\n`;
  throw new VmbuildError("DEFECT", "a manifest that does not fit its own schema", {
    lines: placesOf(result.error),
  });
}

function placesOf(error: z.ZodError): string[] {
  return error.issues.map(
    (issue) => `${z.core.toDotPath(issue.path) || "(top)"}: ${issue.message}`,
  );
}

function invalid(
  path: string,
  problem: string,
  lines: string[] = [],
  cause?: unknown,
): VmbuildError {
  return new VmbuildError("ARTIFACT_INVALID", `${path} ${problem}`, { lines, cause });
}

/**
 * Reads and validates a manifest.
 * @throws {VmbuildError} ARTIFACT_INVALID when it is missing, is not JSON, has another version,
 *   or does not match the schema; every problem is listed.
 */
export async function readManifest(path: string): Promise<Manifest> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw invalid(path, "is not valid JSON", [error.message], error);
    const missing = systemCode(error) === "ENOENT";
    throw invalid(path, missing ? "is not there" : "cannot be read", [messageOf(error)], error);
  }
  const version = z.looseObject({ manifestVersion: z.unknown() }).safeParse(content);
  const found = version.success ? version.data.manifestVersion : undefined;
  if (found !== MANIFEST_VERSION) {
    throw invalid(
      path,
      found === undefined
        ? "is not a manifest of vmbuild: it has no manifestVersion"
        : `has manifestVersion ${JSON.stringify(found)}; this vmbuild reads ${MANIFEST_VERSION}`,
    );
  }
  const result = manifestSchema.safeParse(content);
  if (result.success) return result.data;
  throw invalid(path, "does not describe an artifact", placesOf(result.error));
}
