/** Inputs as templates write them. */
import { z } from "zod";
import { checksum } from "../fields.js";
import { parseReference } from "./oci-reference.js";

const address = z
  .string()
  .regex(/^(https?|file):\/\/\S+$/i, "an address begins with https://, http:// or file://");

const requiredChecksum = z
  .string({
    error: (issue) =>
      issue.input === undefined
        ? 'a download needs a checksum; write "none" to accept an unverified download'
        : undefined,
  })
  .pipe(checksum)
  .describe(checksum.description ?? "");

const signature = z
  .strictObject({
    url: address.describe("the detached signature of the sums file"),
    keyring: z
      .string()
      .describe("the public keys to believe: a path, binary or armoured; empty: no check"),
  })
  .describe('an OpenPGP signature of the sums file; needs a "file:" checksum');

/** What an input and a base have in common when they are downloaded. */
export const urlSourceFields = {
  url: address.describe("where the file is: https://, http:// or file://"),
  checksum: requiredChecksum,
  mirrors: z
    .array(address)
    .optional()
    .describe("addresses of the same file, tried in order when the first one fails"),
  signature: signature.optional(),
};

/** What is wrong with a source's signature; undefined when nothing is. */
export function signatureProblem(source: {
  readonly checksum: string;
  readonly signature?: unknown;
}): string | undefined {
  if (source.signature === undefined || /^file:/i.test(source.checksum)) return undefined;
  return 'the signature is one of a sums file: the checksum must be "file:<url of the sums file>"';
}

const commonFields = {
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a name for an environment variable")
    .optional()
    .describe("an environment variable; when it is set, its value is a local path to use instead"),
  description: z.string().optional().describe("what the input is for"),
};

/** An input that is downloaded. */
export const urlInputSchema = z
  .strictObject({
    ...urlSourceFields,
    unpack: z
      .boolean()
      .optional()
      .describe("unpack a file that ends in .xz, .gz or .zst, once; false by default"),
    ...commonFields,
  })
  .superRefine((source, context) => {
    const message = signatureProblem(source);
    if (message) context.addIssue({ code: "custom", path: ["signature"], message });
  })
  .describe("a file that is downloaded");

/** An input that is a git tree. */
const gitInputSchema = z
  .strictObject({
    git: z
      .string()
      .regex(/^[^-\s]\S*$/, "not the address of a git repository")
      .describe("the repository's address"),
    ref: z
      .string()
      .regex(/^[^-\s:*?[\\^~+][^\s:*?[\\^~]*$/, "a ref is a tag, a branch, or a commit id")
      .describe("a tag, a branch, or a commit id"),
    submodules: z.boolean().optional().describe("fetch submodules too; false by default"),
    ...commonFields,
  })
  .describe("the files of one commit of a git repository, without its history");

/** An input that is an OCI image. */
const ociInputSchema = z
  .strictObject({
    oci: z
      .string()
      .refine((text) => parseReference(text) !== undefined, "not REGISTRY/REPOSITORY:TAG")
      .describe("the image: REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:<hex>"),
    ...commonFields,
  })
  .describe("the files of an OCI image of one layer, for linux/amd64");

/** An input that lies on this host. */
const pathInputSchema = z
  .strictObject({
    path: z.string().min(1).describe("a file or folder, relative to the template"),
    ...commonFields,
  })
  .describe("a file or folder of this host");

/** One entry of a template's `inputs`. */
export const inputSchema = z.union(
  [urlInputSchema, gitInputSchema, ociInputSchema, pathInputSchema],
  {
    error: "an input is {url, checksum}, {git, ref}, {oci} or {path}",
  },
);

/** The parsed form of {@link inputSchema}. */
export type InputDefinition = z.infer<typeof inputSchema>;

/** The parsed form of {@link urlSourceFields}. */
export type UrlSource = Pick<
  z.infer<typeof urlInputSchema>,
  "url" | "checksum" | "mirrors" | "signature"
>;
