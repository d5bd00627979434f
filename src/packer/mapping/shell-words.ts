/** Splits shell commands of templates into their parts, as far as templates use the shell's syntax. */

/** One command of a list, and what joins it to the one before: `;`, `&&`, `||`, `|` or `\n`. */
export interface ShellCommand {
  readonly joint: string;
  readonly text: string;
}

/** Characters that belong to quotes or escapes at `at`; 0 for an ordinary character. */
function quotedLength(text: string, at: number): number {
  const quote = text[at];
  if (quote === "\\") return Math.min(2, text.length - at);
  if (quote !== "'" && quote !== '"') return 0;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === quote) return end - at + 1;
    if (quote === '"' && text[end] === "\\") end++;
  }
  return text.length - at;
}

/** Splits a line at the operators between commands. */
export function splitCommands(line: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let joint = "";
  let text = "";
  const end = (next: string): void => {
    if (text.trim() !== "") commands.push({ joint, text: text.trim() });
    joint = next;
    text = "";
  };
  for (let at = 0; at < line.length;) {
    const quoted = quotedLength(line, at);
    const operator = quoted > 0 ? undefined : /^(?:&&|\|\||[;|\n])/.exec(line.slice(at))?.[0];
    if (operator !== undefined) {
      end(operator);
      at += operator.length;
      continue;
    }
    const length = Math.max(1, quoted);
    text += line.slice(at, at + length);
    at += length;
  }
  end("");
  return commands;
}

/** Joins commands again, without the joint of the first. */
export function joinCommands(commands: readonly ShellCommand[]): string {
  return commands
    .map(({ joint, text }, index) =>
      index === 0 ? text : `${joint === "\n" ? "\n" : ` ${joint} `}${text}`,
    )
    .join("")
    .replaceAll(" ; ", "; ");
}

/** Splits a command into words, and removes their quotes. */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < command.length;) {
    const character = command[at] ?? "";
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    const length = Math.max(1, quotedLength(command, at));
    const part = command.slice(at, at + length);
    word = (word ?? "") + unquote(part);
    at += length;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function unquote(part: string): string {
  if (part.length === 2 && part.startsWith("\\")) return part.slice(1);
  if (part.startsWith("'")) return part.slice(1, -1);
  if (part.startsWith('"') && part.length > 1)
    return part.slice(1, -1).replaceAll(/\\(["\\$`])/g, "$1");
  return part;
}
