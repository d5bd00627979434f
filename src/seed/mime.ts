/** Multi-part MIME, by which cloud-init takes several pieces of user-data. */
import { createHash } from "node:crypto";
import type { UserData } from "./user-data.js";

/** A part of vmbuild's own: ASCII text. */
export interface OwnPart {
  /** Under this name cloud-init keeps it in the guest. */
  readonly filename: string;
  /** `text/cloud-config`, for one. */
  readonly type: string;
  readonly text: string;
}

/** RFC 2045, 6.8. */
const BASE64_LINE = /.{1,76}/g;

/**
 * User-data as a part. A MIME message has headers and a body like a part, so that it is one as it
 * stands, with its own parts in it. Anything else is encoded, with the type that cloud-init itself
 * gives to what has none: it then goes by the content's beginning, as it does without vmbuild.
 */
function userPart({ content, kind }: UserData): Buffer {
  if (kind === "mime") return content;
  const lines = content.toString("base64").match(BASE64_LINE) ?? [""];
  const headers = ["Content-Type: text/x-not-multipart", "Content-Transfer-Encoding: base64"];
  return Buffer.from([...headers, "", ...lines].join("\n"));
}

function ownPart({ filename, type, text }: OwnPart): Buffer {
  const headers = [
    `Content-Type: ${type}; charset="us-ascii"`,
    `Content-Disposition: attachment; filename="${filename}"`,
  ];
  return Buffer.from([...headers, "", text].join("\n"));
}

/**
 * Puts user-data and parts of vmbuild's own into one message. The user-data comes first, so that
 * its parts have the names and the order that they have without vmbuild. Pure: the same parts give
 * the same text.
 */
export function composeMessage(userData: UserData, own: readonly OwnPart[]): Buffer {
  const parts = [userPart(userData), ...own.map(ownPart)];
  // Made from the parts, so that none of them can contain it.
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const boundary = `vmbuild-${hash.digest("hex").slice(0, 32)}`;
  const headers = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n`;
  return Buffer.concat([
    Buffer.from(headers),
    // The line end before a boundary belongs to the boundary (RFC 2046, 5.1.1).
    ...parts.flatMap((part) => [Buffer.from(`\n--${boundary}\n`), part]),
    Buffer.from(`\n--${boundary}--\n`),
  ]);
}
