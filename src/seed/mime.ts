/** Composes multi-part MIME messages, in which cloud-init accepts several pieces of user-data. */
import { createHash } from "node:crypto";
import type { UserData } from "./user-data.js";

/** Part that vmbuild adds: ASCII text. */
export interface OwnPart {
  /** Name under which cloud-init stores the part in the guest. */
  readonly filename: string;
  /** MIME type, such as `text/cloud-config`. */
  readonly type: string;
  readonly text: string;
}

/** Splits base64 into lines (RFC 2045, 6.8). */
const BASE64_LINE = /.{1,76}/g;

/**
 * Converts user-data to a part. A MIME message has headers and a body like a part, so it becomes
 * one unchanged, with its own parts inside. Anything else is encoded, with the type that cloud-init
 * uses for untyped content; cloud-init then detects the type by the first line, as it does without
 * vmbuild.
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
 * Combines user-data and vmbuild's parts in one message. The user-data comes first, so that the
 * names and the order of its parts do not change. Pure: the same parts give the same text.
 */
export function composeMessage(userData: UserData, own: readonly OwnPart[]): Buffer {
  const parts = [userPart(userData), ...own.map(ownPart)];
  // The boundary is a hash of the parts, so that none of them can contain it.
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const boundary = `vmbuild-${hash.digest("hex").slice(0, 32)}`;
  const headers = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n`;
  return Buffer.concat([
    Buffer.from(headers),
    // The line break before a boundary belongs to the boundary (RFC 2046, 5.1.1).
    ...parts.flatMap((part) => [Buffer.from(`\n--${boundary}\n`), part]),
    Buffer.from(`\n--${boundary}--\n`),
  ]);
}
