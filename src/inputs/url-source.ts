/**
 * Defines a file behind an address for inputs and bases: its fields in the template, and its spec.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { checksum, hostPath } from "../fields.js";
import type { ProgramName } from "../host/programs.js";
import { baseNameOf } from "./address.js";
import { addressProblem } from "./address-problem.js";
import { anchorChecksum, isUrl, moveChecksum } from "./checksum.js";
import type { LocalFile } from "./kind.js";
import { unpackPrograms } from "./unpack.js";

const address = z
  .string()
  .regex(/^(https?|file):\/\//i, "an address begins with https://, http:// or file://")
  .superRefine((text, context) => {
    const message = /^(https?|file):\/\//i.test(text) ? addressProblem(text) : undefined;
    if (message) context.addIssue({ code: "custom", message });
  });

const requiredChecksum = hostPath(
  z
    .string({
      error: (issue) =>
        issue.input === undefined
          ? 'a download requires a checksum; use "none" to accept an unverified download'
          : undefined,
    })
    .pipe(checksum)
    .superRefine((text, context) => {
      const sums = /^file:(.+)$/is.exec(text)?.[1];
      const message = sums !== undefined && isUrl(sums) ? addressProblem(sums) : undefined;
      if (message)
        context.addIssue({ code: "custom", message: `the checksum file's URL ${message}` });
    })
    .describe(checksum.description ?? ""),
  { change: moveChecksum },
);

const signature = z
  .strictObject({
    url: address
      .optional()
      .describe(
        "URL of the detached signature of the checksum file; omit it if the checksum file is clear-signed",
      ),
    keyring: hostPath(
      z
        .string()
        .describe(
          "path of a file with the trusted public keys, binary or ASCII-armored; empty: no verification",
        ),
    ),
  })
  .describe('OpenPGP signature of the checksum file; requires a "file:" checksum');

/** Fields that inputs and bases share when they are downloaded. */
export const urlSourceFields = {
  url: address.describe("address of the file: https://, http:// or file://"),
  checksum: requiredChecksum,
  mirrors: z
    .array(address)
    .optional()
    .describe("alternative addresses of the same file, tried in order if `url` fails"),
  signature: signature.optional(),
};

/** Returns the problem of a source's signature; undefined when there is none. */
export function signatureProblem(source: {
  readonly checksum: string;
  readonly signature?: unknown;
}): string | undefined {
  if (source.signature === undefined || /^file:/i.test(source.checksum)) return undefined;
  return 'a signature requires a checksum file: the checksum must be "file:<URL or path of the checksum file>"';
}

/**
 * Reports a signature without a checksum file that it could cover; for schemas with {@link
 * urlSourceFields}.
 */
export function refuseUnusedSignature(
  source: Parameters<typeof signatureProblem>[0],
  context: z.RefinementCtx,
): void {
  const message = signatureProblem(source);
  if (message) context.addIssue({ code: "custom", path: ["signature"], message });
}

/** Parsed form of {@link urlSourceFields}. */
type UrlSource = z.infer<z.ZodObject<typeof urlSourceFields>>;

/** File behind an address, after variables and paths of the template are resolved. */
export interface UrlSpec {
  readonly kind: "url";
  /** Address with the scheme `http:`, `https:` or `file:`. */
  readonly url: string;
  /** Addresses of the same file, tried in order after `url`. */
  readonly mirrors?: readonly string[];
  /**
   * Checksum in the form that {@link parseChecksum} accepts; the path of a checksum file is
   * absolute.
   */
  readonly checksum: string;
  /** Signature of the checksum file. `keyring` is an absolute path. */
  readonly signature?: SignatureSpec;
  /** Value of the Authorization header for the first address only; a secret. */
  readonly authorization?: string;
  /** Unpacks a compressed file with one of the usual extensions; others are left unchanged. */
  readonly unpack?: boolean;
}

/** OpenPGP signature of a checksum file. */
export interface SignatureSpec {
  /**
   * Detached signature, or a clear-signed copy; absent for a checksum file that is itself
   * clear-signed.
   */
  readonly url?: string | undefined;
  /** Absolute path of the trusted public keys, binary or ASCII-armored. */
  readonly keyring: string;
}

/**
 * Converts a download's source to a spec by making its paths absolute. `unpack` is a field of
 * inputs only.
 */
export function urlSpec(source: UrlSource, templateFolder: string, unpack = false): UrlSpec {
  const { url, checksum, mirrors, signature } = source;
  return {
    kind: "url",
    url,
    checksum: anchorChecksum(checksum, templateFolder),
    ...(mirrors ? { mirrors } : {}),
    ...(signature && signature.keyring !== ""
      ? { signature: { ...signature, keyring: resolve(templateFolder, signature.keyring) } }
      : {}),
    ...(unpack ? { unpack } : {}),
  };
}

/** Returns the programs of the host that fetching, verifying and unpacking may run. */
export function urlPrograms({ url, unpack, signature }: UrlSpec): ProgramName[] {
  return [
    ...(unpack ? unpackPrograms(baseNameOf(url)) : []),
    ...(signature ? (["gpgv"] as const) : []),
  ];
}

/**
 * Returns the local files behind a download: `file:` addresses, local checksum files, the keyring.
 */
export function urlFiles(spec: UrlSpec): LocalFile[] {
  const local = (key: string[], url: string): LocalFile[] =>
    /^file:\/\//i.test(url) && URL.canParse(url)
      ? [{ key, path: fileURLToPath(url), kind: "file" }]
      : [];
  const files = local(["url"], spec.url);
  const sums = /^file:(.+)$/is.exec(spec.checksum)?.[1];
  if (sums?.startsWith("/")) files.push({ key: ["checksum"], path: sums, kind: "file" });
  else if (sums !== undefined) files.push(...local(["checksum"], sums));
  if (!spec.signature) return files;
  const { url, keyring } = spec.signature;
  if (url !== undefined) files.push(...local(["signature", "url"], url));
  return [...files, { key: ["signature", "keyring"], path: keyring, kind: "file" }];
}
