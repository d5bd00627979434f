/** Recognizes programs that make commands run as another user. */

/** Command without its `sudo` or `doas`. */
export interface Unprivileged {
  readonly words: readonly string[];
  /** User that the command runs as; undefined if none was given. */
  readonly user: string | undefined;
  /** The command keeps the environment of its caller. */
  readonly keepsEnvironment: boolean;
  /** The command starts in the user's home folder. */
  readonly isLogin: boolean;
}

/** Stands for `{{ .Vars }}` of Packer while a command is read. */
export const VARIABLES_MARK = "\u0001VARS\u0001";

/** Options of sudo that take a value. */
const WITH_VALUE = /^(?:-[ugpCcDhRrtTU]|--(?:user|group|prompt|chdir|host|role|type))$/;

/** Returns whether a word sets a variable, or stands for `{{ .Vars }}`. */
const isVariable = (word: string): boolean =>
  word === VARIABLES_MARK || /^[A-Za-z_]\w*=/.test(word);

/** Removes `sudo` or `doas` with its options; undefined if the command has neither. */
export function withoutSudo(words: readonly string[]): Unprivileged | undefined {
  if (!/^(?:\/usr\/(?:local\/)?bin\/)?(?:sudo|doas)$/.test(words[0] ?? "")) return undefined;
  let user = "root";
  let keepsEnvironment = false;
  let isLogin = false;
  // sudo accepts options after the variables that it sets.
  const variables: string[] = [];
  let at = 1;
  for (; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      at++;
      break;
    }
    if (isVariable(word)) {
      variables.push(word);
      continue;
    }
    if (!word.startsWith("-")) break;
    if (/^-[A-Za-z]*E/.test(word) || word.startsWith("--preserve-env")) keepsEnvironment = true;
    if (/^-[A-Za-z]*i/.test(word) || word === "--login") isLogin = true;
    const value = /^(?:-u|--user)(?:=?(.+))?$/.exec(word);
    if (value) user = value[1] ?? words[at + 1] ?? user;
    if (WITH_VALUE.test(word) || /^-[A-Za-z]+[up]$/.test(word)) {
      if (/^-[A-Za-z]+u$/.test(word)) user = words[at + 1] ?? user;
      at++;
    }
  }
  return { words: [...variables, ...words.slice(at)], user, keepsEnvironment, isLogin };
}

/** Removes `su USER -c`; the last word is then the text of a command. */
export function withoutSu(words: readonly string[]): Unprivileged | undefined {
  if (!/^(?:\/bin\/)?su$/.test(words[0] ?? "")) return undefined;
  const command = words.findIndex((word) => word === "-c" || word === "--command");
  if (command < 0 || words[command + 1] === undefined) return undefined;
  const others = words.filter(
    (_, index) => index > 0 && index !== command && index !== command + 1,
  );
  const isLogin = others.some((word) => word === "-" || word === "-l" || word === "--login");
  const user = others.find((word) => !word.startsWith("-")) ?? "root";
  return { words: [words[command + 1] ?? ""], user, keepsEnvironment: !isLogin, isLogin };
}
