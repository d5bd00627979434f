/** Parses the name under which an image records its backing file (QEMU's "filename"). Pure. */
import { isAbsolute } from "node:path";

/** Image as qemu-img takes it, and the files of this host that its name refers to. */
export interface ImageName {
  /** An absolute path, or a `json:` specification. */
  readonly name: string;
  /** Absolute; the image's own first. */
  readonly files: readonly string[];
  /** Driver to read it with, where the name does not contain it. */
  readonly format: string | undefined;
}

/** Drivers that read only the files that a specification names. */
const LOCAL_DRIVERS = new Set([
  "file",
  ...["raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels", "luks"],
]);

const RELATIVE = "a relative name that QEMU resolves in the current folder";
const FOREIGN = "which is not a file on this host, so that changes to it cannot be detected";

/**
 * Parses the name of a backing file.
 * @param text name as QEMU resolves it; a plain name is already absolute.
 * @param format recorded format of the backing file.
 * @returns the problem, as the rest of a sentence, where the name is not a file of this host.
 */
export function parseBackingName(
  text: string,
  format: string | undefined,
): ImageName | { readonly problem: string } {
  if (text.startsWith("json:")) return parseSpecification(text);
  const path = text.startsWith("file:") ? text.slice("file:".length) : text;
  // QEMU treats text up to a colon before the first slash as the name of a protocol.
  if (path === text && /^[^/:]*:/.test(text)) return { problem: FOREIGN };
  if (!isAbsolute(path)) return { problem: RELATIVE };
  return { name: path, files: [path], format };
}

function parseSpecification(text: string): ImageName | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text.slice("json:".length));
  } catch {
    return { problem: "which is not JSON" };
  }
  const options = [...optionsOf(value, "")];
  const valuesOf = (name: string): string[] =>
    options.filter(([key]) => key === name || key.endsWith(`.${name}`)).map(([, option]) => option);
  const files = valuesOf("filename");
  if (files.length === 0) return { problem: FOREIGN };
  if (!valuesOf("driver").every((driver) => LOCAL_DRIVERS.has(driver))) {
    return { problem: FOREIGN };
  }
  if (!files.every((file) => isAbsolute(file))) return { problem: RELATIVE };
  return { name: text, files, format: undefined };
}

/** Yields every option that has a value, under its dotted name: `file.filename`. */
function* optionsOf(value: unknown, key: string): Generator<[string, string]> {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "string") yield [key, value];
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    yield* optionsOf(inner, key === "" ? name : `${key}.${name}`);
  }
}
