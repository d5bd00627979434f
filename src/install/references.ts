/**
 * Fills in the references of an installer's files. Unlike those of the template, they are filled in
 * when the installer runs, because some have no value before.
 */
import { isUtf8 } from "node:buffer";
import { VmbuildError } from "../errors.js";
import { INSTALL_REFERENCES } from "./schema.js";

/** Values of the references that a template defines: `var.x`, `name`, `version`. */
export type TemplateReferences = (reference: string) => string | undefined;

/** Values of {@link INSTALL_REFERENCES} in one run of an installer. */
export type InstallValues = Readonly<Record<(typeof INSTALL_REFERENCES)[number], string>>;

const REFERENCE =
  /\$?\$\{(var\.[A-Za-z_]\w*|http\.url|http\.address|ssh\.publicKey|name|version)\}/g;

/** Returns whether a text refers to a value that exists only while the installer runs. */
export function mentions(text: string, reference: keyof InstallValues): boolean {
  return text.includes(`\${${reference}}`);
}

/**
 * Fills in `${http.url}`, `${http.address}` and `${ssh.publicKey}`, which is all that is left in a text of the
 * template itself. Without values, the text is returned as it is.
 */
export function fillValues(text: string, values: InstallValues): string {
  return INSTALL_REFERENCES.reduce(
    (filled, reference) => filled.replaceAll(`\${${reference}}`, () => values[reference]),
    text,
  );
}

/**
 * Fills in the template's references in the content of a file, and leaves those of the installer.
 * Any other `${…}` is left as it is: kickstart files and scripts use them. `$${` stands for `${`
 * before the name of a reference. Content that is not UTF-8 is returned unchanged.
 * @param path the file, for messages.
 * @throws {VmbuildError} TEMPLATE_INVALID for a reference to a variable that is not declared.
 */
export function fillTemplateReferences(
  content: Buffer,
  path: string,
  references: TemplateReferences,
): Buffer {
  if (!isUtf8(content)) return content;
  const filled = content.toString("utf8").replace(REFERENCE, (whole, reference: string) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    if (INSTALL_REFERENCES.some((known) => known === reference)) return whole;
    const value = references(reference);
    if (value !== undefined) return value;
    throw new VmbuildError("TEMPLATE_INVALID", `${path}: ${whole} has no value`, {
      hint: `Use a declared variable, or write $${whole} for the text itself.`,
    });
  });
  return Buffer.from(filled, "utf8");
}
