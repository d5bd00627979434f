/** Recognizes scripts that restart their guest. */

/** Program that restarts a guest, at the beginning of a command. */
const RESTART =
  /(?:^|[;&|({`]|\b(?:then|do|else|nohup|exec|sudo(?:\s+-\S+)*)\s)\s*(?:\/usr)?(?:\/s?bin\/)?(?:reboot(?![\w.-])|shutdown\s(?:[^;&|]*\s)?(?:-r\b|--reboot\b|-[a-z]*r[a-z]*\s)|(?:tel)?init\s+6\b|systemctl\s+(?:--\S+\s+)*reboot\b)/;

/** Returns whether a line of a script restarts the guest. */
function lineRestarts(line: string): boolean {
  const code = line.trim();
  if (code.startsWith("#") || /^(?:echo|printf|logger)\b[^;&|]*$/.test(code)) return false;
  return RESTART.test(code);
}

/** Returns whether a script restarts the guest. */
function restartsGuest(script: string): boolean {
  return script.split("\n").some(lineRestarts);
}

/**
 * Returns whether a script restarts the guest, as `expectReboot` says it: surely, if its last
 * command does so on a line of its own; else perhaps, if it contains such a command at all.
 */
export function restartOf(script: string): true | "maybe" | undefined {
  if (!restartsGuest(script)) return undefined;
  const lines = script.split("\n").filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
  const last = lines.at(-1) ?? "";
  return lineRestarts(last) && /^\S/.test(last) && !/[&|]{2}|^(?:if|test|\[)/.test(last)
    ? true
    : "maybe";
}

/** Exit code with which Packer reports a lost connection (packer-plugin-sdk, CmdDisconnect). */
const DISCONNECT = 2_300_218;

/** Exit codes that a provisioner accepts; undefined for 0 only. */
export function exitCodes(values: readonly unknown[]): {
  readonly codes: readonly number[] | undefined;
  readonly mayDisconnect: boolean;
} {
  const numbers = values.map(Number).filter((code) => Number.isInteger(code));
  const codes = numbers.filter((code) => code >= 0 && code <= 255);
  const isDefault = codes.length === 0 || (codes.length === 1 && codes[0] === 0);
  return {
    codes: isDefault ? undefined : codes,
    mayDisconnect: numbers.includes(DISCONNECT),
  };
}
