/**
 * Detects Windows line endings in scripts: a shell takes the carriage return for part of the last
 * word.
 */

/**
 * Line endings of a text. `mixed` means that the first line has none, but some later lines have a
 * carriage return.
 */
export type LineEndings = "unix" | "windows" | "mixed";

const SHELLS = /^(ba|da|a|k|mk|z)?sh$/;

/**
 * Determines the line endings of a text by its first line; "mixed" where only later lines have a
 * carriage return.
 */
export function lineEndingsOf(text: Buffer | string): LineEndings {
  const content = typeof text === "string" ? text : text.toString("latin1");
  const [first = ""] = content.split("\n", 1);
  if (first.endsWith("\r")) return "windows";
  return content.includes("\r\n") || content.endsWith("\r") ? "mixed" : "unix";
}

/** Returns whether a shell reads the script, given the program and arguments that run it. */
export function isShell(interpreter: readonly string[]): boolean {
  return interpreter
    .filter((word) => !word.startsWith("-") && !word.endsWith("/env"))
    .slice(0, 2)
    .some((word) => SHELLS.test(word.split("/").at(-1) ?? ""));
}

/** Descriptions of wrong line endings, and what to do about them. */
export const LINE_ENDING_PROBLEMS = {
  windows:
    "has Windows line endings (CRLF), which a shell treats as part of the last word of each line; " +
    "convert it (sed -i 's/\\r$//' FILE, or dos2unix), and prevent git from converting it back " +
    "(*.sh text eol=lf in .gitattributes)",
  mixed: "has a carriage return (CR) at the end of some lines",
} as const;
