/** Patterns of `-only` and `-except`. */

/**
 * Makes a test from a glob: `*` stands for any text, also with dots, `?` for one character, `[…]` for
 * one of several (`[!…]` for all others), `{a,b}` for alternatives. Undefined if it is not valid.
 */
export function globTest(pattern: string): ((text: string) => boolean) | undefined {
  const source = translate(pattern);
  if (source === undefined) return undefined;
  try {
    const expression = new RegExp(`^(?:${source})$`, "su");
    return (text) => expression.test(text);
  } catch {
    // Such as a range whose end is before its start.
    return undefined;
  }
}

const TOKEN = /\\(.)|\*+|\?|\[(!?)((?:\\.|[^\]\\])+)\]|[{},]|[^\\*?[{},]/gsuy;

function translate(pattern: string): string | undefined {
  let source = "";
  let depth = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < pattern.length) {
    const match = TOKEN.exec(pattern);
    if (!match) return undefined;
    const [token, escaped, negated, set] = match;
    if (set !== undefined) source += `[${negated === "!" ? "^" : ""}${escapeSet(set)}]`;
    else if (token === "{") {
      depth += 1;
      source += "(?:";
    } else if (token === "}" && depth > 0) {
      depth -= 1;
      source += ")";
    } else if (token === "," && depth > 0) source += "|";
    else if (token.startsWith("*")) source += ".*";
    else if (token === "?") source += ".";
    else source += escapeText(escaped ?? token);
  }
  return depth === 0 ? source : undefined;
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function escapeSet(set: string): string {
  return set.replaceAll(/\\(.)/gs, "$1").replaceAll(/[\\^[\]&]/g, "\\$&");
}
