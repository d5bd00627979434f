/** Converts the addresses and the checksum of the qemu builder's ISO image or disk image. */
import { pathToFileURL } from "node:url";
import type { BlockReader } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { isFolder } from "../host-files.js";
import type { PlainObject } from "../plain.js";

/** Algorithm by the number of hexadecimal digits, as Packer guesses it. */
const ALGORITHMS: Readonly<Record<number, string>> = {
  32: "md5",
  40: "sha1",
  64: "sha256",
  128: "sha512",
};

/** Returns a checksum as a template of vmbuild has it. */
function checksumOf(reader: BlockReader, context: ImageContext): string {
  if (reader.flag("iso_skip_cache")) return "none";
  const address = reader.text("iso_checksum_url");
  const type = reader.text("iso_checksum_type");
  const value = reader.text("iso_checksum") ?? "";
  const kept = reader.jsonText("iso_checksum") ?? value;
  if (type === "none" || value === "none") return "none";
  if (value === "" && address !== undefined) return `file:${address}`;
  if (value === "") return "none";
  if (/^[0-9a-f]+$/i.test(value)) return `${type ?? ALGORITHMS[value.length] ?? "sha256"}:${kept}`;
  const file = /^file:(?!\/\/|https?:)(.+)$/.exec(value)?.[1];
  return file === undefined ? kept : `file:${resultPath(context, file)}`;
}

const isRemote = (address: string): boolean => /^https?:\/\//i.test(address);

const localPath = (address: string): string => address.replace(/^file:\/\//, "");

/**
 * Returns where the image comes from. A local file that is listed before addresses is used if it
 * exists.
 */
export async function imageSource(
  reader: BlockReader,
  context: ImageContext,
): Promise<PlainObject | undefined> {
  const single = reader.text("iso_url");
  const option = single === undefined || single === "" ? "iso_urls" : "iso_url";
  const addresses = reader.texts(option).filter((address) => address !== "");
  const kept = reader.jsonTexts(option).filter((address) => address !== "");
  const checksum = checksumOf(reader, context);
  const [first] = addresses;
  if (first === undefined) {
    reader.say(single === undefined ? option : "iso_url", "refused", "names no image", true);
    return undefined;
  }
  if (!isRemote(first)) {
    const path = localPath(first);
    const isThere = (await isFolder(absolutePath(context, path))) === false;
    if (isThere || !addresses.some(isRemote)) {
      if (checksum === "none" || !isThere) {
        if (checksum !== "none") {
          reader.say("iso_checksum", "nothing", "a file of this host is used as it is");
        }
        return { path: resultPath(context, path, localPath(kept[0] ?? first)) };
      }
      return { url: pathToFileURL(absolutePath(context, path)).href, checksum };
    }
  }
  const [url = "", ...mirrors] = addresses.flatMap((address, index) =>
    isRemote(address) ? [kept[index] ?? address] : [],
  );
  return { url, checksum, ...(mirrors.length > 0 && { mirrors }) };
}
