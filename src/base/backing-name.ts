/** The name under which an image records its backing file (QEMU's "filename"). Pure. */
import { isAbsolute } from "node:path";

/** An image as qemu-img takes it, and the files of this host that the name says. */
export interface ImageName {
  /** An absolute path, or a `json:` specification. */
  readonly name: string;
  /** Absolute; the image's own first. */
  readonly files: readonly string[];
  /** The driver to read it with, where the name does not say it. */
  readonly format: string | undefined;
}

/** Drivers that read nothing but the files that a specification names. */
const LOCAL_DRIVERS = new Set([
  "file",
  ...["raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels", "luks"],
]);

const RELATIVE = "a relative name that QEMU resolves in the current folder";
const FOREIGN = "which is not a file on this host, so that changes to it cannot be detected";

/**
 * Reads a backing file's name.
 * @param text as QEMU resolves it: a plain name is absolute already.
 * @param format that is recorded beside it.
 * @returns what is wrong with it, as the rest of a sentence, where no file of this host is named.
 */
export function parseBackingName(
  text: string,
  format: string | undefined,
): ImageName | { readonly problem: string } {
  if (text.startsWith("json:")) return parseSpecification(text);
  const path = text.startsWith("file:") ? text.slice("file:".length) : text;
  // QEMU takes a colon before the first slash for the end of a protocol's name.
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

/** Every option that has a value, under its dotted name: `file.filename`. */
function* optionsOf(value: unknown, key: string): Generator<[string, string]> {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "string") yield [key, value];
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    yield* optionsOf(inner, key === "" ? name : `${key}.${name}`);
  }
}
