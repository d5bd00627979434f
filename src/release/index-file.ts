/** Defines the index of an image, `NAME.qcow2.json`: its version, its content and its parts. */
import { z } from "zod";
import { VmbuildError } from "../errors.js";

const INDEX_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "not a sha256 in lower-case hexadecimal");
const bytes = z.int().nonnegative();
const assetName = z.string().regex(/^[^/\0]+$/, "not a file name");

const indexSchema = z.object({
  indexVersion: z.literal(INDEX_VERSION),
  name: z.string().min(1),
  version: z.string(),
  created: z.string().optional(),
  file: assetName,
  size: bytes,
  virtualSize: bytes.optional(),
  sha256,
  facts: z.record(z.string(), z.string()).optional(),
  parts: z.array(z.object({ name: assetName, size: bytes, sha256 })).min(1),
});

/** Content of an index. `parts` has the image itself when it is whole. Sizes are bytes. */
export type ImageIndex = z.infer<typeof indexSchema>;

/** Formats an index as JSON. The same image gives the same text. */
export function formatIndex(index: Omit<ImageIndex, "indexVersion">): string {
  const whole = indexSchema.parse({ ...index, indexVersion: INDEX_VERSION });
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}

/**
 * Parses an index.
 * @param name of the asset, for messages.
 * @throws {VmbuildError} RELEASE_INVALID when it is not one.
 */
export function parseIndex(text: string, name: string): ImageIndex {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new VmbuildError("RELEASE_INVALID", `${name} is not valid JSON`, { cause });
  }
  const result = indexSchema.safeParse(content);
  const sum = result.data?.parts.reduce((total, { size }) => total + size, 0);
  if (result.success && sum === result.data.size) return result.data;
  const lines = result.error?.issues.map(
    ({ path, message }) => `${z.core.toDotPath(path) || "(top)"}: ${message}`,
  ) ?? ["size: not the sum of the sizes of the parts"];
  throw new VmbuildError("RELEASE_INVALID", `${name} is not the index of an image`, { lines });
}
