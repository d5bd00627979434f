/** Functions that encode and decode: base64, JSON, YAML, CSV, URLs. */
import { gzipSync } from "node:zlib";
import { Scalar, parseDocument, stringify } from "yaml";
import { messageOf } from "../../errors.js";
import { isList, isMap, mapOf } from "../eval/values.js";
import type { Value } from "../model.js";
import { FunctionError, any, textFunction } from "./function.js";
import type { FunctionTable } from "./function.js";
import { jsonText, valueOf } from "./json-text.js";

/** Decodes base64, and refuses what is none. */
export function decodeBase64(value: string): Buffer {
  const compact = value.replaceAll(/[\r\n]/g, "");
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)) {
    throw new FunctionError("the text is not base64");
  }
  return Buffer.from(compact, "base64");
}

/** Decodes UTF-8, and refuses what is none. */
export function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new FunctionError(`the content is not UTF-8 text (${messageOf(error)})`);
  }
}

/** Encodings that Node writes, by their IANA names. */
const ENCODERS: Readonly<Record<string, (value: string) => Buffer>> = {
  "utf-8": (value) => Buffer.from(value, "utf8"),
  "utf-16le": (value) => Buffer.from(value, "utf16le"),
  "utf-16be": (value) => Buffer.from(value, "utf16le").swap16(),
  // Go writes a byte order mark and big endian for the name without an order.
  "utf-16": (value) => Buffer.from(`\uFEFF${value}`, "utf16le").swap16(),
  "iso-8859-1": (value) => encodeLatin1(value, 0xff),
  "us-ascii": (value) => encodeLatin1(value, 0x7f),
};

function encodeLatin1(value: string, highest: number): Buffer {
  for (const letter of value) {
    if ((letter.codePointAt(0) ?? 0) > highest) {
      throw new FunctionError(`"${letter}" does not exist in this encoding`);
    }
  }
  return Buffer.from(value, "latin1");
}

function encodeText(value: string, encoding: string): string {
  const name = encoding.toLowerCase();
  const encode = Object.hasOwn(ENCODERS, name) ? ENCODERS[name] : undefined;
  if (encode) return encode(value).toString("base64");
  const known = Object.keys(ENCODERS).join(", ").toUpperCase();
  throw new FunctionError(`the encoding ${encoding} is not known; known are ${known}`);
}

function decodeText(value: string, encoding: string): string {
  const bytes = decodeBase64(value);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FunctionError(`the content cannot be read as ${encoding} (${messageOf(error)})`);
  }
}

/** Escapes as Go's url.QueryEscape: a space becomes `+`. */
function encodeUrl(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString())
    .replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

function decodeJson(value: string): Value {
  try {
    return valueOf(JSON.parse(value));
  } catch (error) {
    throw new FunctionError(`the text is not JSON: ${messageOf(error)}`);
  }
}

function decodeYaml(value: string): Value {
  const document = parseDocument(value, { merge: true, logLevel: "silent" });
  const [error] = document.errors;
  if (error) throw new FunctionError(`the text is not YAML: ${error.message.split("\n")[0]}`);
  try {
    return valueOf(document.toJS({ mapAsMap: true, maxAliasCount: 1000 }));
  } catch (failure) {
    throw new FunctionError(`the text is not YAML: ${messageOf(failure)}`);
  }
}

/** Writes YAML with quoted texts and sorted keys, as Packer does. */
function encodeYaml(value: Value): string {
  return stringify(plain(value), {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "QUOTE_DOUBLE",
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

function plain(value: Value): unknown {
  if (isList(value)) return [...value].map(plain);
  if (isMap(value)) return new Map([...value].map(([key, one]) => [key, plain(one)]));
  if (typeof value !== "string" || !value.includes("\n")) return value;
  const block = new Scalar(value);
  block.type = Scalar.BLOCK_LITERAL;
  return block;
}

/** Rows of CSV (RFC 4180): quoted fields can contain commas, quotes and new lines. */
function csvRows(value: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/y;
  while (pattern.lastIndex < value.length) {
    const match = pattern.exec(value);
    if (!match) throw new FunctionError(`row ${rows.length + 1} is not valid CSV`);
    const [whole, field = "", separator] = match;
    row.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    if (separator !== ",") {
      if (whole.trim() !== "" || row.length > 1) rows.push(row);
      row = [];
    } else if (pattern.lastIndex === value.length) {
      rows.push([...row, ""]);
    }
  }
  return rows;
}

function decodeCsv(value: string): Value {
  const [header, ...rows] = csvRows(value);
  if (!header) throw new FunctionError("the text has no header line");
  return rows.map((row, index) => {
    if (row.length !== header.length) {
      throw new FunctionError(
        `row ${index + 2} has ${row.length} fields, the header ${header.length}`,
      );
    }
    return mapOf(header.map((name, column) => [name, row[column] ?? ""]));
  });
}

/** Functions of encodings by their names in Packer. */
export const ENCODING_FUNCTIONS: FunctionTable = {
  base64decode: textFunction(["text"], (value = "") => decodeUtf8(decodeBase64(value))),
  base64encode: textFunction(["text"], (value = "") => Buffer.from(value).toString("base64")),
  base64gzip: textFunction(["text"], (value = "") => gzipSync(value).toString("base64")),
  csvdecode: textFunction(["text"], (value = "") => decodeCsv(value)),
  jsondecode: textFunction(["text"], (value = "") => decodeJson(value)),
  jsonencode: {
    parameters: [any("value")],
    opaque: true,
    call: ([value]) => jsonText(value ?? null),
  },
  textdecodebase64: textFunction(["text", "encoding"], (value = "", encoding = "") =>
    decodeText(value, encoding),
  ),
  textencodebase64: textFunction(["text", "encoding"], (value = "", encoding = "") =>
    encodeText(value, encoding),
  ),
  urlencode: textFunction(["text"], (value = "") => encodeUrl(value)),
  yamldecode: textFunction(["text"], (value = "") => decodeYaml(value)),
  yamlencode: {
    parameters: [any("value")],
    opaque: true,
    call: ([value]) => encodeYaml(value ?? null),
  },
};
