/** Defines the input kind for a path of this host. Its digest is cached by path, size and times. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../../fields.js";
import { VmbuildError, messageOf, systemCode } from "../../errors.js";
import type { FullContext } from "../context.js";
import { compareDigest } from "../freshness.js";
import type { Freshness, KnownContent } from "../freshness.js";
import { commonInputFields, defineInputKind } from "../kind.js";
import { createProgress } from "../progress.js";
import { cachedDigest } from "../digest-cache.js";
import type { ResolvedInput } from "../spec.js";

/** File or folder of this host. */
export interface PathSpec {
  readonly kind: "path";
  /** Absolute path. */
  readonly path: string;
}

const schema = z
  .strictObject({
    path: hostPath(
      z.string().min(1).describe("path of a file or folder, relative to the template"),
    ),
    ...commonInputFields,
  })
  .describe("file or folder on this host");

/**
 * Finds a local file or folder. A file gets its SHA-256. A folder gets none here, because its users
 * (such as the checkpoint key of an upload) hash it file by file.
 * @throws {VmbuildError} INPUT_MISSING.
 */
async function resolveLocalPath(
  name: string,
  { path }: PathSpec,
  context: FullContext,
): Promise<ResolvedInput> {
  let status;
  try {
    status = await stat(path, { bigint: true });
  } catch (error) {
    const reason = systemCode(error) === "ENOENT" ? "does not exist" : messageOf(error);
    const message = `Input ${name}: ${path} ${reason}`;
    throw new VmbuildError("INPUT_MISSING", message, { cause: error, details: { name, path } });
  }
  const found = { name, path, origin: path, fromCache: true };
  if (status.isDirectory()) return found;
  if (!status.isFile()) {
    throw new VmbuildError(
      "INPUT_MISSING",
      `Input ${name}: ${path} is neither a file nor a folder`,
    );
  }
  const size = Number(status.size);
  const progress = createProgress(context.emit, context.clock, `hash:${name}`, `hash ${path}`);
  let done = 0;
  const hex = await cachedDigest(path, status, context.signal, {
    cacheFolder: context.cacheFolder,
    onBytes: (bytes) => progress.at((done += bytes), size),
  });
  if (done > 0) progress.finish(done);
  return { ...found, size, digest: { algorithm: "sha256", hex } };
}

/** Compares a file by its digest. Folders have none. */
async function comparePath(
  name: string,
  spec: PathSpec,
  known: KnownContent,
  context: FullContext,
): Promise<Freshness> {
  const { digest } = await resolveLocalPath(name, spec, context);
  if (!digest) return { state: "unknown", reason: "it is a folder of this host" };
  const reasons = { current: "the file is the same", changed: "the file differs" };
  return compareDigest(digest.algorithm, digest.hex, known, reasons);
}

/** Input kind for a file or folder of this host. */
export const pathInput = defineInputKind<z.infer<typeof schema>, PathSpec>({
  name: "path",
  form: "{path}",
  schema,
  isLocal: true,
  // A local action may change the file during the run.
  digestIsStable: false,
  toSpec: ({ path }, folder) => ({ kind: "path", path: resolve(folder, path) }),
  location: ({ path }) => path,
  resolve: resolveLocalPath,
  compare: comparePath,
  programs: () => [],
  files: ({ path }) => [{ key: [], path, kind: "any" }],
  inspect: ({ path }) => ({ origin: path, path, present: "present", absent: "MISSING" }),
});
