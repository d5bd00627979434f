/** Functions of hashes, identifiers and encryption. */
import { constants, createHash, privateDecrypt, randomUUID } from "node:crypto";
import { hashSync } from "bcryptjs";
import { messageOf } from "../../errors.js";
import { decodeBase64, decodeUtf8 } from "./encodings.js";
import { FunctionError, number, text, textFunction, textOf } from "./function.js";
import type { FunctionTable, FunctionType } from "./function.js";

function hashFunction(algorithm: string): FunctionType {
  return textFunction(["text"], (value = "") => createHash(algorithm).update(value).digest("hex"));
}

/** Namespaces of RFC 9562. */
const NAMESPACES: Readonly<Record<string, string>> = {
  dns: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  url: "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
  oid: "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
  x500: "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
};

/** Returns a UUID of version 5 (RFC 9562) for a name in a namespace. */
function uuidOfName(namespace: string, name: string): string {
  const known = Object.hasOwn(NAMESPACES, namespace) ? NAMESPACES[namespace] : namespace;
  const hexadecimal = (known ?? "").replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(hexadecimal)) {
    throw new FunctionError(`"${namespace}" is neither a UUID nor dns, url, oid or x500`);
  }
  const hash = createHash("sha1").update(Buffer.from(hexadecimal, "hex")).update(name).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const digits = hash.toString("hex").slice(0, 32);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Highest cost of bcrypt: more would take minutes. */
const MAX_COST = 16;

function bcrypt(value: string, cost: number): string {
  if (!Number.isInteger(cost) || cost < 4 || cost > MAX_COST) {
    throw new FunctionError(`the cost must be from 4 to ${MAX_COST}`);
  }
  return hashSync(value, cost).replace(/^\$2b\$/, "$2a$");
}

function decryptRsa(ciphertext: string, key: string): string {
  const bytes = decodeBase64(ciphertext);
  try {
    // Node refuses this padding, because servers must not reveal whether it is right.
    const padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, bytes);
    const end = padded.indexOf(0, 2);
    if (padded.readUInt16BE(0) !== 2 || end < 10) throw new Error("the padding is wrong");
    return decodeUtf8(padded.subarray(end + 1));
  } catch (error) {
    throw new FunctionError(`the text cannot be decrypted (${messageOf(error)})`);
  }
}

/** Functions of hashes and identifiers by their names in Packer. */
export const HASH_FUNCTIONS: FunctionTable = {
  bcrypt: {
    parameters: [text("text"), number("cost")],
    optional: 1,
    call: ([value, cost]) => bcrypt(textOf(value), Number(cost ?? 10)),
  },
  md5: hashFunction("md5"),
  rsadecrypt: textFunction(["text", "key"], (value = "", key = "") => decryptRsa(value, key)),
  sha1: hashFunction("sha1"),
  sha256: hashFunction("sha256"),
  sha512: hashFunction("sha512"),
  uuidv4: { parameters: [], call: () => randomUUID() },
  uuidv5: textFunction(["namespace", "name"], (namespace = "", name = "") =>
    uuidOfName(namespace, name),
  ),
};
