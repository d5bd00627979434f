/** Determines the interpreter of a script by its first line. */

const DEFAULT = ["/bin/sh"];

/** Returns the interpreter and its arguments from `#!`, or /bin/sh. */
export function interpreterOf(content: Buffer): string[] {
  const newline = content.indexOf(0x0a);
  const first = content.subarray(0, newline === -1 ? 256 : Math.min(newline, 256)).toString("utf8");
  const match = /^#!\s*(\S+)(?:\s+(.*\S))?\s*$/.exec(first);
  if (!match?.[1]) return DEFAULT;
  const [, program, rest] = match;
  // The kernel passes everything after the program as one argument; only `env -S` splits it.
  const isEnv = program.endsWith("/env");
  if (rest === undefined) return [program];
  return isEnv ? [program, ...rest.replace(/^-S\s+/, "").split(/\s+/)] : [program, rest];
}

/**
 * Returns the arguments with which an interpreter checks a script's syntax; undefined where it
 * cannot.
 */
export function syntaxCheckOf(interpreter: readonly string[]): string[] | undefined {
  const words = interpreter.filter((word) => !word.startsWith("-") && !word.endsWith("/env"));
  const name = words[0]?.split("/").at(-1) ?? "";
  if (["sh", "bash", "dash", "ksh", "zsh"].includes(name))
    return [name === "sh" ? "sh" : name, "-n"];
  if (/^python3?$/.test(name))
    return [
      name,
      "-c",
      "import ast,sys; f=(sys.argv+[0])[1]; ast.parse(open(f).read(), f or '<text>')",
    ];
  if (name === "perl") return ["perl", "-c"];
  if (name === "ruby") return ["ruby", "-c"];
  return undefined;
}
