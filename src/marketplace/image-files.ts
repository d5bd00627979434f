/**
 * Checks `images`, the files of an image's entry. The server requires texts and a size
 * (src/lib/appliance/image.rb of OpenNebula/appmarket-simple); OpenNebula downloads the first one
 * and compares its md5.
 */
import type { EntryDocument } from "./document.js";
import { isMapping, typeOf } from "./findings.js";
import type { Findings } from "./findings.js";
import type { JsonPath } from "../template/document.js";

const TYPES = ["OS", "CDROM", "DATABLOCK", "KERNEL", "RAMDISK", "CONTEXT", "BACKUP", "FILESYSTEM"];
const KEYS = ["name", "url", "type", "dev_prefix", "driver", "size", "checksum"];
const LENGTHS = { md5: 32, sha256: 64 } as const;

function checkUrl(url: unknown, path: JsonPath, findings: Findings): void {
  if (url === undefined || url === null) {
    findings.error(path, "is missing: OpenNebula cannot download the image");
  } else if (typeof url === "string") {
    const { protocol } = URL.canParse(url.trim()) ? new URL(url.trim()) : { protocol: "" };
    if (!/^https?:$/.test(protocol)) findings.error(path, "is not an http(s) URL");
  }
}

function checkSize(size: unknown, path: JsonPath, findings: Findings): void {
  const number = typeof size === "string" ? Number.parseInt(size, 10) : size;
  if (size === undefined || size === null) {
    findings.error(path, "is missing: OpenNebula cannot download the image");
  } else if (typeof number !== "number" || !(number > 0)) {
    findings.error(path, "is not a whole number of bytes above 0");
  } else if (typeof size === "string" || !Number.isInteger(number)) {
    findings.warn(path, "is not a whole number of bytes");
  }
}

function checkDigest(name: keyof typeof LENGTHS, digest: unknown, path: JsonPath) {
  const length = LENGTHS[name];
  if (digest === undefined || digest === null || digest === "") {
    return { level: "warn", path, message: "is missing: nobody can check the download" } as const;
  }
  // Other values than texts are errors of all fields.
  if (typeof digest !== "string" || new RegExp(`^[0-9a-f]{${length}}$`).test(digest.trim())) return;
  const message = `is not a valid ${name}, which has ${length} lower-case hexadecimal digits`;
  // OpenNebula compares the md5, and refuses the download.
  return { level: name === "md5" ? "error" : "warn", path, message } as const;
}

function checkChecksum(checksum: unknown, path: JsonPath, findings: Findings): void {
  if (checksum !== undefined && checksum !== null && !isMapping(checksum)) {
    findings.error(path, `must be a mapping with md5 and sha256, not ${typeOf(checksum)}`);
    return;
  }
  const digests = Object.entries(checksum ?? {}).map(([key, value]) => [key.toLowerCase(), value]);
  const byName = Object.fromEntries(digests) as Record<string, unknown>;
  for (const name of Object.keys(LENGTHS) as (keyof typeof LENGTHS)[]) {
    const found = checkDigest(name, byName[name], [...path, name]);
    if (found) findings[found.level](found.path, found.message);
  }
  requireTexts(checksum ?? {}, Object.keys(checksum ?? {}), path, findings);
}

/** Requires texts: the server fails as a whole on a number or a boolean. */
function requireTexts(
  value: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  path: JsonPath,
  findings: Findings,
): void {
  for (const key of keys) {
    const found = value[key];
    if (found === undefined || found === null || typeof found === "string") continue;
    if (found instanceof Date) continue; // An error of the whole entry.
    findings.error([...path, key], `must be a string: put it in quotes. It is ${typeOf(found)}`);
  }
}

function checkImage(image: unknown, path: JsonPath, findings: Findings): void {
  if (!isMapping(image)) {
    findings.error(path, `must be a mapping, not ${typeOf(image)}`);
    return;
  }
  requireTexts(image, ["name", "url", "type", "dev_prefix", "driver"], path, findings);
  checkUrl(image["url"], [...path, "url"], findings);
  checkSize(image["size"], [...path, "size"], findings);
  checkChecksum(image["checksum"], [...path, "checksum"], findings);
  const { type, dev_prefix: prefix } = image;
  if (typeof type === "string" && type !== "" && !TYPES.includes(type.trim().toUpperCase())) {
    findings.error([...path, "type"], `is ${type}, not one of ${TYPES.join(", ")}`);
  }
  if (typeof prefix === "string" && !/^(vd|sd|hd|xvd)$/.test(prefix.trim())) {
    findings.warn([...path, "dev_prefix"], `is ${prefix}, not one of vd, sd, hd, xvd`);
  }
  for (const key of Object.keys(image)) {
    if (!KEYS.includes(key)) findings.warn([...path, key], "is an unknown key, which is ignored");
  }
}

/** Checks the image of an entry that has one, at `images`. */
export function checkImages(entry: EntryDocument, images: unknown, findings: Findings): void {
  if (!Array.isArray(images) || images.length === 0) {
    findings.error(["images"], "has no image");
    return;
  }
  for (const [index, image] of images.entries()) checkImage(image, ["images", index], findings);
  if (images.length > 1) {
    findings.warn(["images", 1], "is not downloaded: OpenNebula imports only the first image");
  }
  const format = entry.textAt(["format"]);
  const driver = entry.textAt(["images", 0, "driver"]);
  if (format === undefined || driver === undefined || driver.startsWith(format)) return;
  findings.warn(["images", 0, "driver"], `is ${driver}, while format is ${format}`);
}
