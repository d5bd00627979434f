/** Line ends of Windows in scripts: a shell takes the carriage return for part of the last word. */

/** Line ends of a text: all alike from the first line on, or some lines with a carriage return. */
export type LineEnds = "unix" | "windows" | "mixed";

const SHELLS = /^(ba|da|a|k|mk|z)?sh$/;

/** Tells a text's line ends by its first line; "mixed" where only later ones have a carriage return. */
export function lineEndsOf(text: Buffer | string): LineEnds {
  const content = typeof text === "string" ? text : text.toString("latin1");
  const [first = ""] = content.split("\n", 1);
  if (first.endsWith("\r")) return "windows";
  return content.includes("\r\n") || content.endsWith("\r") ? "mixed" : "unix";
}

/** Whether a shell reads the script, by the program and arguments that run it. */
export function isShell(interpreter: readonly string[]): boolean {
  return interpreter
    .filter((word) => !word.startsWith("-") && !word.endsWith("/env"))
    .slice(0, 2)
    .some((word) => SHELLS.test(word.split("/").at(-1) ?? ""));
}

/** What is wrong with line ends, and what to do about it. */
export const LINE_ENDS = {
  windows:
    "has Windows line endings (CRLF), which a shell treats as part of the last word of each line; " +
    "convert it (sed -i 's/\\r$//' FILE, or dos2unix), and prevent git from converting it back " +
    "(*.sh text eol=lf in .gitattributes)",
  mixed: "has a carriage return (CR) at the end of some lines",
} as const;
