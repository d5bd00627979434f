/** Prevents secrets in argument lists, which every user of a machine can read. */
import type { JsonPath, Problem } from "./document.js";

/** Declarations and values of a template's variables. */
interface DeclaredValues {
  readonly variables: Readonly<Record<string, { readonly sensitive: boolean }>>;
  readonly values: ReadonlyMap<string, string | number | boolean>;
}

/** Returns whether the text contains the value of a sensitive variable. */
export function isFromSensitiveVariable(
  { variables, values }: DeclaredValues,
  text: string,
): boolean {
  return [...values].some(([name, value]) => {
    const secret = String(value);
    return variables[name]?.sensitive === true && secret !== "" && text.includes(secret);
  });
}

function walk(value: unknown, path: JsonPath, visit: (text: string, path: JsonPath) => void): void {
  if (typeof value === "string") return visit(value, path);
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    walk(item, [...path, Array.isArray(value) ? Number(key) : key], visit);
  }
}

const READABLE = "other users can read command-line arguments";

/**
 * Keys whose values become arguments of a program, or are shown on a screen while they are typed.
 */
const REASONS: Readonly<Record<string, string>> = {
  arguments: `${READABLE}; pass it in the step's environment, or in extraVars of an ansible action`,
  interpreter: `${READABLE}; pass it in the step's environment`,
  limit: READABLE,
  tags: READABLE,
  skipTags: READABLE,
  commandLine: `${READABLE}; put it into a file of base.install.http`,
  bootCommand: "a screen shows what is typed; put it into a file of base.install.http",
};

/** Key of values that are passed in a private file, whatever the names of the variables are. */
const PRIVATE = "extraVars";

/**
 * Reports each place where a sensitive variable would become an argument of a program, or would be
 * typed.
 */
export function secretsInArguments(raw: unknown, sensitive: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  walk(raw, [], (text, path) => {
    const exposed = Object.keys(REASONS).find((key) => path.includes(key));
    if (exposed === undefined || path.includes(PRIVATE)) return;
    const name = sensitive.find((candidate) => text.includes(`\${var.${candidate}}`));
    if (name === undefined) return;
    problems.push({
      path,
      excerpt: `\${var.${name}}`,
      message: `"${name}" is sensitive, but ${REASONS[exposed] ?? ""}`,
    });
  });
  return problems;
}
