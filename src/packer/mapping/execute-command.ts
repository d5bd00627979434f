/** Reads `execute_command` of a shell provisioner: the user, the shell and the folder of its scripts. */
import { VARIABLES_MARK, withoutSu, withoutSudo } from "./privilege.js";
import { splitCommands, splitWords } from "./shell-words.js";

/** Meaning of a command that runs a script. */
export interface Execution {
  /** User that the script runs as; undefined for the user of the login. */
  readonly user: string | undefined;
  /** Program that reads the script, with arguments; undefined for the one of its first line. */
  readonly interpreter: readonly string[] | undefined;
  /** Folder in which the script starts. */
  readonly cwd: string | undefined;
  /** Variables that the command sets itself. */
  readonly environment: Readonly<Record<string, string>>;
  /** Arguments of the script. */
  readonly arguments: readonly string[];
  /** Starts in the home folder of its user. */
  readonly isLogin: boolean;
  /** Shell code that runs before the script, such as `umask 022`. */
  readonly before: readonly string[];
}

/** Marks that stand for the values of Packer's template while a command is read. */
const MARKS = { path: "\u0001PATH\u0001", vars: VARIABLES_MARK, file: "\u0001FILE\u0001" };

/** Place of the script in a command. */
export const SCRIPT_PATH = /\{\{-?\s*\.(?:Path|Script)\s*-?\}\}/g;
/** Place of the variables in a command. */
export const SCRIPT_VARIABLES = /\{\{-?\s*\.Vars\s*-?\}\}/g;
const VARS_FILE = /\{\{-?\s*\.EnvVarFile\s*-?\}\}/g;

const SHELLS = /^(?:\/(?:usr\/(?:local\/)?)?bin\/)?(?:ba|da|z|k|c|tc|fi|a)?sh$/;
const ASSIGNMENT = /^([A-Za-z_]\w*)=(.*)$/s;

/** What is known so far about a command. */
interface State {
  user: string | undefined;
  cwd: string | undefined;
  isLogin: boolean;
  environment: Record<string, string>;
  before: string[];
}

/**
 * Reads a command.
 * @returns undefined for a command that is not of a known form.
 */
export function readExecution(command: string): Execution | undefined {
  const marked = command
    .replaceAll(SCRIPT_PATH, MARKS.path)
    .replaceAll(SCRIPT_VARIABLES, ` ${MARKS.vars} `)
    .replaceAll(VARS_FILE, MARKS.file);
  const state: State = {
    user: undefined,
    cwd: undefined,
    isLogin: false,
    environment: {},
    before: [],
  };
  return readLine(marked, state);
}

function readLine(line: string, state: State): Execution | undefined {
  const commands = splitCommands(line);
  for (const [index, { text }] of commands.entries()) {
    const words = splitWords(text);
    const isPiped = commands[index + 1]?.joint === "|";
    if (isPiped && /^(?:echo|printf|cat)$/.test(words[0] ?? "")) continue;
    if (isPreparation(words)) continue;
    if (words[0] === "cd" && words[1] !== undefined) {
      state.cwd = words[1];
      continue;
    }
    if (words[0] === "export" && words.slice(1).every((word) => ASSIGNMENT.test(word))) {
      assign(words.slice(1), state);
      continue;
    }
    if (!text.includes(MARKS.path)) {
      if (!text.includes("\u0001")) state.before.push(text);
      continue;
    }
    return index === commands.length - 1 || isCleanUp(commands.slice(index + 1))
      ? readScript(words, state)
      : undefined;
  }
  return undefined;
}

/** Returns whether commands after the script only remove it. */
const isCleanUp = (commands: readonly { readonly text: string }[]): boolean =>
  commands.every(({ text }) => /^(?:sudo\s+)?(?:rm|sync|sleep|exit|true)\b/.test(text));

/** Returns whether a command only makes the script executable, or reads the variables. */
function isPreparation(words: readonly string[]): boolean {
  const [program, ...rest] = withoutSudo(words)?.words ?? words;
  if (program === "chmod") return rest.at(-1) === MARKS.path;
  return [".", "source"].includes(program ?? "") && rest[0] === MARKS.file;
}

function assign(words: readonly string[], state: State): void {
  for (const word of words) {
    const [, name, value] = ASSIGNMENT.exec(word) ?? [];
    if (name !== undefined) state.environment[name] = value ?? "";
  }
}

/** Takes variables and `env` off the beginning of a command. */
function withoutVariables(words: readonly string[], state: State): readonly string[] {
  let rest = words;
  if (rest[0] === "env" || rest[0] === "/usr/bin/env") rest = rest.slice(1);
  while (rest[0] === MARKS.vars || (rest[0] !== undefined && ASSIGNMENT.test(rest[0]))) {
    if (rest[0] !== MARKS.vars) assign(rest.slice(0, 1), state);
    rest = rest.slice(1);
  }
  return rest;
}

function readScript(words: readonly string[], state: State): Execution | undefined {
  const rest = withoutVariables(words, state);
  const privileged = withoutSudo(rest) ?? withoutSu(rest);
  if (privileged) {
    state.user = privileged.user;
    state.isLogin ||= privileged.isLogin;
    const isText = privileged.words.length === 1 && /\s/.test(privileged.words[0] ?? "");
    return isText
      ? readLine(privileged.words[0] ?? "", state)
      : readScript(privileged.words, state);
  }
  if (rest.length < words.length) return readScript(rest, state);
  const [program = "", ...after] = rest;
  if (program === MARKS.path) return finish(undefined, after, state);
  const text = after.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (SHELLS.test(program) && text >= 0) return readNested(program, after, text, state);
  const at = after.indexOf(MARKS.path);
  if (at < 0 || after.some((word) => word.includes("\u0001") && word !== MARKS.path)) {
    return undefined;
  }
  return finish([program, ...after.slice(0, at)], after.slice(at + 1), state);
}

/** Reads `sh -c "…"`. */
function readNested(
  program: string,
  after: readonly string[],
  at: number,
  state: State,
): Execution | undefined {
  const flags = after.slice(0, at + 1).filter((word) => word.startsWith("-") && word !== "-c");
  const inner = readLine(after[at + 1] ?? "", state);
  // A shell with flags such as -l affects the script only where it reads the script itself.
  const isOnlyScript = inner?.interpreter === undefined && flags.length > 0;
  return isOnlyScript && flags.some((flag) => /l/.test(flag)) && inner
    ? { ...inner, interpreter: [program, ...flags.map((flag) => flag.replace("c", ""))] }
    : inner;
}

function finish(
  interpreter: readonly string[] | undefined,
  args: readonly string[],
  state: State,
): Execution {
  const { user, cwd, isLogin, environment, before } = state;
  return { user, interpreter, cwd, environment, arguments: args, isLogin, before };
}
