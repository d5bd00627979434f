/** Validates addresses before any request is made. */
import { fileURLToPath } from "node:url";

/** Matches a percent sign that begins no percent-encoding (RFC 3986, section 2.1). */
const LONE_PERCENT = /%(?![0-9a-f]{2})/i;

function fileProblem(url: URL): string | undefined {
  if (url.host !== "") {
    return `names the host ${url.host}; a file:// URL has three slashes and no host, as in file:///srv/disk.img`;
  }
  if (url.search !== "" || url.hash !== "") {
    return "contains ? or #, which must be written %3F and %23 in a file:// URL";
  }
  try {
    if (!fileURLToPath(url).includes("\0")) return undefined;
  } catch {
    // Node has no path for an encoded slash or for bytes that are not UTF-8.
  }
  return "is not a path on this host; %2F, %00 and percent codes that are not UTF-8 are not permitted";
}

function hasReadableCredentials({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
    return true;
  } catch {
    // The decoded text is not UTF-8.
    return false;
  }
}

/**
 * Returns the reason why an address cannot be requested, as a phrase that follows the address;
 * undefined for a valid one. The address itself is not repeated, because it may contain a password.
 * Pure.
 */
export function addressProblem(address: string): string | undefined {
  if (!/^(https?|file):\/\//i.test(address)) {
    return "does not begin with https://, http:// or file://";
  }
  if (/\s/.test(address)) return "contains a space or line break; a space in a URL is written %20";
  if (LONE_PERCENT.test(address)) {
    return "contains a % that is not followed by two hexadecimal digits; a percent sign in a URL is written %25";
  }
  if (!URL.canParse(address) || /^https?:\/\/\//i.test(address)) return "is not a valid URL";
  const url = new URL(address);
  if (url.protocol === "file:") return fileProblem(url);
  return hasReadableCredentials(url)
    ? undefined
    : "contains a user name or password whose percent codes are not UTF-8";
}
