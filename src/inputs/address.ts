/** Formats addresses for display and derives file names from them. */
import { posix } from "node:path";

/** Names that the cache uses for its own files. */
const RESERVED = new Set(["meta.json", "part.json", "lock", "tree"]);
/** Limit for a name: file systems allow 255 bytes, and vmbuild appends extensions. */
const MAX_NAME_LENGTH = 200;

/** Returns the address without user name and password. */
export function displayUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.username === "" && parsed.password === "") return url;
  parsed.username = "";
  parsed.password = "";
  return parsed.href;
}

/** Returns the decoded last part of an address's path, by which checksum files name the file. */
export function baseNameOf(url: string): string {
  const name = posix.basename(URL.canParse(url) ? new URL(url).pathname : url);
  try {
    return decodeURIComponent(name);
  } catch {
    // A lone percent sign is allowed in a file name.
    return name;
  }
}

/**
 * Converts a name to a safe file name in the cache: one path component, printable, and not a
 * reserved name.
 */
export function safeName(name: string): string {
  // eslint-disable-next-line no-control-regex -- exactly these must not stand in a file name
  const clean = name.replaceAll(/[\u0000-\u001f\u007f/]/g, "_").slice(-MAX_NAME_LENGTH);
  if (clean === "" || clean === "." || clean === "..") return "download";
  return RESERVED.has(clean) ? `input-${clean}` : clean;
}
