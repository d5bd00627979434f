/**
 * Reads facts about an image, such as versions of what it contains, from a file with lines
 * `KEY=VALUE` that a step downloads.
 */

/** Largest file of facts. Bytes. */
export const MAX_FACTS_BYTES = 64 * 1024;

/** Facts by name. */
export type Facts = Readonly<Record<string, string>>;

/** Facts of a file, or the problem of its first invalid line. */
export type ParsedFacts = { readonly facts: Facts } | { readonly problem: string };

const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/** Removes the quotes around a whole value, as in os-release(5). */
function unquoted(value: string): string {
  const match = /^(["'])(.*)\1$/.exec(value);
  return match?.[2] ?? value;
}

/** Parses lines `KEY=VALUE`. Empty lines and lines that begin with `#` are ignored. Pure. */
export function parseFacts(text: string): ParsedFacts {
  const facts: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [, key, value = ""] = LINE.exec(content) ?? [];
    if (key === undefined) return { problem: `line ${index + 1} is not of the form KEY=VALUE` };
    facts[key] = unquoted(value.trim());
  }
  return { facts };
}
