/** A file behind an address, as inputs and bases have it: in the template, and settled. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { checksum } from "../fields.js";
import type { ProgramName } from "../host/programs.js";
import { baseNameOf } from "./address.js";
import { addressProblem } from "./address-problem.js";
import { anchorChecksum, isUrl } from "./checksum.js";
import type { LocalFile } from "./kind.js";
import { unpackPrograms } from "./unpack.js";

const address = z
  .string()
  .regex(/^(https?|file):\/\//i, "an address begins with https://, http:// or file://")
  .superRefine((text, context) => {
    const message = /^(https?|file):\/\//i.test(text) ? addressProblem(text) : undefined;
    if (message) context.addIssue({ code: "custom", message });
  });

const requiredChecksum = z
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
  .describe(checksum.description ?? "");

const signature = z
  .strictObject({
    url: address
      .optional()
      .describe(
        "URL of the detached signature of the checksum file; omit it if the checksum file is clear-signed",
      ),
    keyring: z
      .string()
      .describe(
        "path of a file with the trusted public keys, binary or ASCII-armored; empty: no verification",
      ),
  })
  .describe('OpenPGP signature of the checksum file; requires a "file:" checksum');

/** What an input and a base have in common when they are downloaded. */
export const urlSourceFields = {
  url: address.describe("address of the file: https://, http:// or file://"),
  checksum: requiredChecksum,
  mirrors: z
    .array(address)
    .optional()
    .describe("alternative addresses of the same file, tried in order if `url` fails"),
  signature: signature.optional(),
};

/** What is wrong with a source's signature; undefined when nothing is. */
export function signatureProblem(source: {
  readonly checksum: string;
  readonly signature?: unknown;
}): string | undefined {
  if (source.signature === undefined || /^file:/i.test(source.checksum)) return undefined;
  return 'a signature requires a checksum file: the checksum must be "file:<URL or path of the checksum file>"';
}

/** Reports a signature that has no sums file to be of; for a schema that has {@link urlSourceFields}. */
export function refuseStraySignature(
  source: Parameters<typeof signatureProblem>[0],
  context: z.RefinementCtx,
): void {
  const message = signatureProblem(source);
  if (message) context.addIssue({ code: "custom", path: ["signature"], message });
}

/** The parsed form of {@link urlSourceFields}. */
type UrlSource = z.infer<z.ZodObject<typeof urlSourceFields>>;

/** A file behind an address, after the template's variables and paths are settled. */
export interface UrlSpec {
  readonly kind: "url";
  /** `http:`, `https:` or `file:`. */
  readonly url: string;
  /** Tried in order after `url`; they hold the same file. */
  readonly mirrors?: readonly string[];
  /** As {@link parseChecksum} reads it; the path of a sums file is absolute. */
  readonly checksum: string;
  /** Of the sums file. `keyring` is an absolute path. */
  readonly signature?: SignatureSpec;
  /** The header of that name, for the first address alone; a secret. */
  readonly authorization?: string;
  /** Unpack a compressed file with one of the usual endings; others are left as they are. */
  readonly unpack?: boolean;
}

/** An OpenPGP signature of a sums file. */
export interface SignatureSpec {
  /** A detached signature, or a clear-signed copy; none for a sums file that is clear-signed. */
  readonly url?: string | undefined;
  /** The public keys to believe; absolute. Binary or ASCII-armoured. */
  readonly keyring: string;
}

/** A download's source with its paths made absolute. `unpack` is the input's own field. */
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

/** The programs of the host that fetching, checking and unpacking it may run. */
export function urlPrograms({ url, unpack, signature }: UrlSpec): ProgramName[] {
  return [
    ...(unpack ? unpackPrograms(baseNameOf(url)) : []),
    ...(signature ? (["gpgv"] as const) : []),
  ];
}

/** The local files behind a download: `file:` addresses, local sums, the keyring. */
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
