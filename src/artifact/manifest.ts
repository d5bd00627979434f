/**
 * Defines `manifest.json`, which describes an artifact, what it was made from, and how long each
 * part took.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { ARCHITECTURE_NAMES } from "../machine/architectures/registry.js";
import { ALGORITHMS } from "./digest.js";
import { PACKS } from "./packs.js";
import { COMPRESSIONS, isStartable } from "./registry.js";

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

const upstream = z
  .object({
    address: z.string().describe("address that it was downloaded from, without credentials"),
    etag: z.string().optional(),
    lastModified: z.string().optional(),
    size: bytes,
    digests: z
      .record(z.string(), z.string().regex(/^[0-9a-f]+$/, "not lower-case hexadecimal"))
      .describe("checksums of the download by algorithm, in lower-case hexadecimal"),
  })
  .optional()
  .describe("version of the file on its server, for `vmbuild outdated`");

const file = z.object({
  name: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\0]+$/, "a name without folders")
    .describe("beside the manifest"),
  format: z.string().describe("format of the file, such as qcow2 or raw"),
  subformat: z.string().optional().describe("variant of the format, such as streamOptimized"),
  compression: z.enum(COMPRESSIONS).optional(),
  pack: z.enum(PACKS).optional().describe("program that compressed the whole file"),
  disk: z.string().optional().describe("name of the disk; that of the root disk is absent"),
  size: bytes,
  virtualSize: bytes.optional().describe("virtual size in bytes; disk images only"),
  checksums: z
    .partialRecord(
      z.enum(ALGORITHMS),
      z.string().regex(/^[0-9a-f]+$/, "not lower-case hexadecimal"),
    )
    .describe("checksums by algorithm, in lower-case hexadecimal"),
});

/** Schema of `manifest.json`. Unknown keys are ignored, so that later versions can add some. */
export const manifestSchema = z.object({
  manifestVersion: z.literal(MANIFEST_VERSION),
  name: z.string().min(1),
  version: z.string(),
  created: z.iso.datetime().describe("UTC"),
  template: z.object({
    path: z.string().optional().describe("version of the template"),
    digest,
    parents: z
      .array(z.object({ path: z.string(), digest }))
      .optional()
      .describe("templates that it extends, the nearest first"),
  }),
  source: z
    .object({
      branch: z.string().describe("`HEAD` where no branch was checked out"),
      commit: z.string().regex(/^[0-9a-f]{40,64}$/, "not the id of a commit"),
      dirty: z.boolean().describe("whether there were uncommitted changes"),
      changes: z
        .array(z.string())
        .optional()
        .describe("uncommitted changes, as `git status --short` shows them"),
    })
    .optional()
    .describe("commit of the git work tree that contains the template"),
  release: z.string().optional().describe("value of --release"),
  base: z.object({
    kind: z.string().min(1).describe("kind in the template: url, path, bootstrap or appliance"),
    origin: z.string().describe("address, path, suite or appliance"),
    digest: digest.optional(),
    source: digest
      .optional()
      .describe("digest of the file that the base was unpacked or converted from, where it was"),
    files: z
      .array(z.object({ name: z.string(), digest }))
      .optional()
      .describe("backing files of the base"),
    upstream,
  }),
  inputs: z.array(
    z.object({
      name: z.string(),
      origin: z.string().describe("address or path"),
      digest: digest.optional(),
      commit: z.string().optional().describe("commit of a git tree"),
      upstream,
    }),
  ),
  vmbuild: z.object({ version: z.string() }),
  qemu: z.object({ version: z.string() }),
  accelerator: z.string(),
  arch: z
    .enum(ARCHITECTURE_NAMES)
    .optional()
    .describe("architecture of the guest; x86_64 in manifests without it"),
  host: z.object({ arch: z.string(), os: z.string() }).optional(),
  files: z.array(file).min(1),
  companions: z
    .array(z.string())
    .optional()
    .describe("files and folders from steps, beside the image"),
  facts: z
    .record(z.string(), z.string())
    .optional()
    .describe("facts from steps, such as versions of what the image contains"),
  packages: z
    .object({
      count: z.int().nonnegative(),
      list: z.string().describe("name of the list beside the image"),
      sbom: z.string().describe("name of the software bill of materials beside the image"),
      indexes: z
        .array(
          z.object({
            release: z.string().describe("address of the folder with InRelease"),
            packages: z.string().describe("path of the list of packages below it"),
          }),
        )
        .optional()
        .describe("lists of packages of apt's sources in the guest, for `vmbuild outdated`"),
      repositories: z
        .array(
          z.object({
            kind: z.enum(["baseurl", "mirrorlist", "metalink"]).describe("what the address is"),
            address: z.string().describe("address without credentials"),
          }),
        )
        .optional()
        .describe("repositories of dnf, yum or zypper in the guest, for `vmbuild outdated`"),
    })
    .optional()
    .describe("packages of the guest"),
  patches: z
    .object({
      name: z.string().describe("name of the archive beside the image"),
      folder: z.string().describe("name of the folder in the archive"),
      size: bytes,
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "not a sha256"),
      packages: z.int().nonnegative().describe("number of packages"),
      wheels: z.int().nonnegative().optional().describe("number of Python wheels"),
      signed: z.boolean().describe("whether output.patches.signingKey has signed it"),
      sbom: z.string().describe("name of its software bill of materials beside the image"),
    })
    .optional()
    .describe("archive of patches, where --create-patches has made one"),
  provenance: z
    .object({
      statement: z.string().describe("name of the provenance beside the image"),
      signature: z.string().optional().describe("name of its signature"),
    })
    .optional()
    .describe("statement that says how the image was made"),
  steps: z.array(
    z.object({
      name: z.string(),
      durationMs: milliseconds,
      restored: z.boolean().optional().describe("restored from a checkpoint instead of run"),
    }),
  ),
  changedByHand: z
    .array(z.string())
    .optional()
    .describe("steps whose checkpoint was modified with `vmbuild ssh --save`"),
});

/** Content of `manifest.json`. */
export type Manifest = z.infer<typeof manifestSchema>;
/** File of an artifact in the manifest. */
export type ManifestFile = z.infer<typeof file>;

/** Returns the first image that a machine can start from; undefined when there is none. */
export function startableFile({ files }: Pick<Manifest, "files">): ManifestFile | undefined {
  return files.find((one) => one.disk === undefined && isStartable(one));
}

/** Returns the images of further disks that a machine can use. */
export function diskFiles({
  files,
}: Pick<Manifest, "files">): { readonly disk: string; readonly name: string }[] {
  return files.flatMap((one) =>
    one.disk !== undefined && isStartable(one) ? [{ disk: one.disk, name: one.name }] : [],
  );
}

/** Returns the names of the lists of packages and of the provenance beside the image. */
export function describingFiles({
  packages,
  provenance,
}: Pick<Manifest, "packages" | "provenance">): string[] {
  const { statement, signature } = provenance ?? {};
  const names = [packages?.list, packages?.sbom, statement, signature];
  return names.filter((name) => name !== undefined);
}

/**
 * Formats a manifest as validated JSON, with keys in the schema's order, indented by two spaces.
 * @throws {VmbuildError} DEFECT when it does not match its own schema.
 */
export function formatManifest(manifest: Manifest): string {
  const result = manifestSchema.safeParse(manifest);
  if (result.success) return `${JSON.stringify(result.data, undefined, 2)}\n`;
  throw new VmbuildError("DEFECT", "the manifest does not match its schema", {
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
    throw invalid(path, missing ? "does not exist" : "cannot be read", [messageOf(error)], error);
  }
  const version = z.looseObject({ manifestVersion: z.unknown() }).safeParse(content);
  const found = version.success ? version.data.manifestVersion : undefined;
  if (found !== MANIFEST_VERSION) {
    throw invalid(
      path,
      found === undefined
        ? "is not a vmbuild manifest: manifestVersion is missing"
        : `has manifestVersion ${JSON.stringify(found)}; this version of vmbuild supports ${MANIFEST_VERSION}`,
    );
  }
  const result = manifestSchema.safeParse(content);
  if (result.success) return result.data;
  throw invalid(path, "does not describe an artifact", placesOf(result.error));
}
