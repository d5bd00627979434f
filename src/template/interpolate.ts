/**
 * Replaces `${var.x}`, `${input.x}`, `${git.x}`, `${name}` and `${version}` in every string of a
 * template.
 * `$${` stands for `${`. In shell text (commands, written files) any other `${…}` is left to the
 * shell; elsewhere it is an error.
 */
import { BASE_REFERENCES } from "../base/registry.js";
import { isSinkReference } from "../sinks/registry.js";
import { ACTIONS } from "../steps/registry.js";
import type { JsonPath, Problem } from "./document.js";
import { GIT_REFERENCES, gitMessage, gitValue } from "./git-references.js";
import type { GitSource } from "./git-references.js";
import { hasValueIn, isLateReference, lateReferenceMessage } from "./host-commands.js";

/** Values of references. A lookup that returns undefined is reported as an error. */
export interface References {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly variable: (name: string) => string | number | boolean | undefined;
  readonly input: (name: string) => string | undefined;
  readonly git: GitSource;
  /** Known names, for messages. */
  readonly known: { readonly variables: readonly string[]; readonly inputs: readonly string[] };
}

const REFERENCE = /\$?\$\{([^{}]*)\}/g;
const REFERENCE_NAME = /^(?:name|version|(?:var|input)\..*)$/;

/** Returns whether a text between `${` and `}` is a reference in shell text, too. */
const isReference = (text: string): boolean =>
  REFERENCE_NAME.test(text) || GIT_REFERENCES.includes(text);

/**
 * Keys that contain shell text: those of actions, a step's `verify` and `skipIf`, and the `run` of
 * an acceptance check.
 */
export const SHELL_KEYS: ReadonlySet<string> = new Set([
  "run",
  "verify",
  "skipIf",
  ...ACTIONS.flatMap(({ shellKeys }) => shellKeys),
]);

const HOST_SECTIONS: ReadonlySet<unknown> = new Set(["post", "after"]);
const SHELL_SECTIONS: ReadonlySet<unknown> = new Set([
  "steps",
  "acceptance",
  "base",
  "post",
  "after",
]);

const isShellText = (path: JsonPath): boolean =>
  SHELL_SECTIONS.has(path[0]) &&
  path.some((part) => typeof part === "string" && SHELL_KEYS.has(part));

function lookUp(reference: string, references: References): string | number | boolean | undefined {
  if (reference === "name") return references.name;
  if (reference === "version") return references.version;
  if (reference.startsWith("git.")) return gitValue(reference, references.git);
  const [kind, ...rest] = reference.split(".");
  const key = rest.join(".");
  return kind === "var" ? references.variable(key) : references.input(key);
}

function unknownMessage(reference: string, references: References): string {
  const { variables, inputs } = references.known;
  const list = (names: readonly string[]): string => (names.length > 0 ? names.join(", ") : "none");
  if (reference.startsWith("var.")) {
    return `\${${reference}}: no such variable; the template declares ${list(variables)}`;
  }
  if (reference.startsWith("input.")) {
    return `\${${reference}}: no such input; the template declares ${list(inputs)}`;
  }
  if (reference === "name" || reference === "version") return `\${${reference}} has no value here`;
  if (reference.startsWith("git.")) return gitMessage(reference, references.git);
  if (BASE_REFERENCES.has(reference)) {
    return `\${${reference}} has a value only while an installer runs; use it in base.install`;
  }
  if (isLateReference(reference)) return lateReferenceMessage(reference);
  if (/^(event|text)\b/.test(reference)) {
    return `\${${reference}} has a value only in the body of a webhook in "sinks"`;
  }
  return (
    `\${${reference}} is not a valid reference; use \${var.…}, \${input.…}, \${git.…}, \${name} ` +
    `and \${version}, or $\${ for a literal \${`
  );
}

function replaceIn(
  text: string,
  path: JsonPath,
  references: References,
  problems: Problem[],
): string | number | boolean {
  const resolveOne = (whole: string, reference: string): string | number | boolean => {
    // The values are known when an event is sent.
    if (isSinkReference(path, reference)) return whole;
    // The values are known when the commands run.
    if (hasValueIn(path, reference)) return whole;
    if (whole.startsWith("$$")) return whole.slice(1);
    // The kind of the base fills it in.
    if (path[0] === "base" && BASE_REFERENCES.has(reference)) return whole;
    const isForShell =
      isShellText(path) && !(HOST_SECTIONS.has(path[0]) && isLateReference(reference));
    if (!isReference(reference) && isForShell) return whole;
    const value = isReference(reference) ? lookUp(reference, references) : undefined;
    if (value !== undefined) return value;
    problems.push({ path, message: unknownMessage(reference, references), excerpt: whole });
    return whole;
  };
  const only = /^\$\{([^{}]*)\}$/.exec(text);
  // A string that consists of one reference keeps the value's type: "${var.cpus}" is a number.
  if (only?.[1] !== undefined) return resolveOne(text, only[1]);
  return text.replace(REFERENCE, (whole, reference: string) =>
    String(resolveOne(whole, reference)),
  );
}

/**
 * Returns a copy of the value with the references of every string replaced; errors are added to
 * `problems`.
 */
export function interpolate(
  value: unknown,
  path: JsonPath,
  references: References,
  problems: Problem[],
): unknown {
  if (typeof value === "string") return replaceIn(value, path, references, problems);
  if (Array.isArray(value)) {
    return value.map((item, index) => interpolate(item, [...path, index], references, problems));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      interpolate(item, [...path, key], references, problems),
    ]),
  );
}
