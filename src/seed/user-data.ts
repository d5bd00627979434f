/** Parses a template's user-data: the kind that cloud-init detects, and its cloud-configs. */
import { isUtf8 } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { parseDocument } from "yaml";
import { VmbuildError, messageOf } from "../errors.js";

/** User-data in the form that cloud-init receives. */
export interface UserData {
  /** Content without gzip compression and without a byte order mark. */
  readonly content: Buffer;
  /** Kind by the name in cloud-init's documentation; `empty` is a file of white space only. */
  readonly kind: "empty" | "mime" | (typeof STARTS)[number]["kind"];
}

/**
 * First lines of user-data (cloudinit/handlers, INCLUSION_TYPES_MAP); longer prefixes come first.
 */
const STARTS = [
  { start: "#cloud-config-archive", kind: "archive" },
  { start: "#cloud-config-jsonp", kind: "jsonp" },
  { start: "#cloud-config", kind: "cloud-config" },
  { start: "#cloud-boothook", kind: "boothook" },
  { start: "#part-handler", kind: "part-handler" },
  { start: "#upstart-job", kind: "upstart-job" },
  { start: "#include", kind: "include" },
  { start: "## template: jinja", kind: "jinja" },
  { start: "#!", kind: "script" },
] as const;

/**
 * Number of bytes in which cloud-init searches for the header (cloudinit/user_data.py,
 * convert_string).
 */
const MIME_SEARCHED = 4096;
const MIME_VERSION = /mime-version:/i;
/** Matches a header, or the line that mail programs write above the headers. */
const HEADER_LINE = /^(From |[!-9;-~]+:)/;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const GZIP = Buffer.from([0x1f, 0x8b]);

const startsWith = (bytes: Buffer, mark: Buffer): boolean =>
  bytes.subarray(0, mark.length).equals(mark);

function invalid(path: string, message: string, hint?: string, lines: string[] = []): VmbuildError {
  return new VmbuildError("TEMPLATE_INVALID", `${path}: ${message}`, { lines, hint });
}

/** Decompresses gzip, as cloud-init does before anything else. */
function unpacked(bytes: Buffer, path: string): Buffer {
  if (!startsWith(bytes, GZIP)) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw invalid(path, `cannot be unpacked as gzip: ${messageOf(error)}`);
  }
}

/** Removes a byte order mark, behind which cloud-init recognizes nothing. */
function unmarked(bytes: Buffer, path: string): Buffer {
  if (startsWith(bytes, BYTE_ORDER_MARK)) return bytes.subarray(BYTE_ORDER_MARK.length);
  const [first, second] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isUtf16)
    throw invalid(
      path,
      "is UTF-16",
      "Save it as UTF-8, the only encoding that cloud-init supports.",
    );
  return bytes;
}

function kindOf(content: Buffer, path: string): UserData["kind"] {
  const text = content.toString("utf8");
  const isMime = MIME_VERSION.test(content.toString("latin1", 0, MIME_SEARCHED));
  if (HEADER_LINE.test(text) && isMime) return "mime";
  const beginning = text.trimStart().toLowerCase();
  if (beginning === "") return "empty";
  const found = STARTS.find(({ start }) => beginning.startsWith(start));
  if (found) return found.kind;
  throw invalid(
    path,
    "does not begin with #cloud-config or another header that cloud-init recognizes",
    /^content-type:/i.test(text)
      ? "Add a MIME-Version header to its first lines."
      : "cloud-init supports #cloud-config, #!, #include, #cloud-boothook, #part-handler, " +
          "#cloud-config-archive, ## template: jinja and MIME messages, each also as gzip.",
  );
}

/** Kinds that cloud-init decodes as UTF-8 and drops when that fails. */
const TEXT_KINDS: readonly UserData["kind"][] = ["mime", "archive", "cloud-config", "jinja"];

/**
 * Parses a cloud-config in the same way as cloud-init: YAML 1.1, in which a later key replaces an
 * earlier one. The value is for inspection only and must never be written.
 * @throws {VmbuildError} TEMPLATE_INVALID when it is not YAML or not a mapping.
 */
export function parseCloudConfig(text: string, path: string): Record<string, unknown> {
  const hint = "cloud-init ignores it.";
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false, logLevel: "error" });
  if (document.errors.length > 0) {
    const lines = document.errors.map((error) => error.message);
    throw invalid(path, "is not YAML", hint, lines);
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or one that expands without bounds.
    throw invalid(path, "is not YAML", hint, [messageOf(error)]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(path, "is not a mapping", hint);
  }
  return value as Record<string, unknown>;
}

/**
 * Reads user-data of any kind that cloud-init accepts.
 * @param path the name in error messages.
 * @throws {VmbuildError} TEMPLATE_INVALID for content that cloud-init would ignore completely.
 */
export function readUserData(bytes: Buffer, path: string): UserData {
  const content = unmarked(unpacked(bytes, path), path);
  const kind = kindOf(content, path);
  if (TEXT_KINDS.includes(kind) && !isUtf8(content)) {
    throw invalid(
      path,
      "is not UTF-8",
      "Save it as UTF-8, the only encoding that cloud-init supports.",
    );
  }
  if (kind === "cloud-config") parseCloudConfig(content.toString("utf8"), path);
  return { content, kind };
}
