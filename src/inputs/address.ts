/** Addresses: how they are shown, and the file name in them. */
import { posix } from "node:path";

/** Names that the cache uses for itself. */
const RESERVED = new Set(["meta.json", "part.json", "lock", "tree"]);
/** File systems allow 255 bytes, and endings of ours come after it. */
const MAX_NAME_LENGTH = 200;

/** The address without a user's name and password. */
export function displayUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.username === "" && parsed.password === "") return url;
  parsed.username = "";
  parsed.password = "";
  return parsed.href;
}

/** The last part of an address's path, decoded, as sums files name it. */
export function baseNameOf(url: string): string {
  const name = posix.basename(URL.canParse(url) ? new URL(url).pathname : url);
  try {
    return decodeURIComponent(name);
  } catch {
    // A lone percent sign is a legal part of a file name.
    return name;
  }
}

/** A name that is safe to give to a file in the cache: one part, printable, not one of ours. */
export function safeName(name: string): string {
  // eslint-disable-next-line no-control-regex -- exactly these must not stand in a file name
  const clean = name.replaceAll(/[\u0000-\u001f\u007f/]/g, "_").slice(-MAX_NAME_LENGTH);
  if (clean === "" || clean === "." || clean === "..") return "download";
  return RESERVED.has(clean) ? `input-${clean}` : clean;
}
