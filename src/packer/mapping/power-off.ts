/** Reads `shutdown_command`: what it does besides powering off. */
import { withoutSu, withoutSudo } from "./privilege.js";
import { joinCommands, splitCommands, splitWords } from "./shell-words.js";
import type { ShellCommand } from "./shell-words.js";

/** Meaning of a command that ends a build. */
export interface Shutdown {
  /** Shell code that runs before the guest powers off; empty for a plain shutdown. */
  readonly before: string;
  /** That code runs as root. */
  readonly asRoot: boolean;
  /** Whether the command contains a program that powers off. */
  readonly powersOff: boolean;
}

const POWER_OFF =
  /^(?:\/(?:usr\/)?s?bin\/)?(?:shutdown|poweroff|halt|init\s+0|telinit\s+0|systemctl\s+(?:--\S+\s+)*(?:(?:start|isolate)\s+)?(?:poweroff|halt)|openrc-shutdown)\b(?!.*(?:\s-r\b|reboot))/;

/** Commands without an effect on the image. */
const HARMLESS = /^(?:sync|exit(?:\s+\d+)?|true|sleep\s+\S+|nohup|logout)$/;

/** Shell that reads its commands from a pipe; `sudo -S` would read a password. */
const PIPED_SHELL =
  /^(?:(?:sudo|doas)\s+(?:-[A-RT-Za-z]+\s+)*)?(?:su(?:\s+(?:-l?|root))*|(?:\/bin\/)?(?:ba|da|k|z)?sh(?:\s+-s?)?)$/;

/** Returns the commands in \`echo 'COMMANDS' | su -\`; undefined for other pipes. */
function pipedCommands(command: ShellCommand, next: ShellCommand | undefined): string | undefined {
  const [program, ...words] = splitWords(command.text);
  if (program !== "echo" || next?.joint !== "|" || !PIPED_SHELL.test(next.text)) return undefined;
  return words.join(" ");
}

function readOne(command: ShellCommand): { rest: ShellCommand[]; asRoot: boolean; off: boolean } {
  const words = splitWords(command.text);
  const bySudo = withoutSudo(words);
  const privileged = withoutSu(bySudo?.words ?? words) ?? bySudo;
  const inner = privileged?.words ?? words;
  const text = privileged ? inner.join(" ") : command.text;
  if (POWER_OFF.test(text)) return { rest: [], asRoot: false, off: true };
  const at = inner.findIndex((word) => /^-[a-z]*c$/.test(word));
  const isShell = /(?:^|\/)(?:ba|da|z)?sh$/.test(inner[0] ?? "") && at > 0;
  const isSu = privileged !== undefined && inner.length === 1 && /\s/.test(inner[0] ?? "");
  if (isShell || isSu) {
    const nested = readShutdown((isSu ? inner[0] : inner[at + 1]) ?? "");
    const rest = nested.before === "" ? [] : [{ joint: command.joint, text: nested.before }];
    return { rest, asRoot: privileged !== undefined || nested.asRoot, off: nested.powersOff };
  }
  if (HARMLESS.test(text)) return { rest: [], asRoot: false, off: false };
  return { rest: [command], asRoot: false, off: false };
}

/** Reads a command. */
export function readShutdown(command: string): Shutdown {
  const commands = splitCommands(command.replaceAll(/\s+&\s*$/g, ""));
  const rest: ShellCommand[] = [];
  let asRoot = false;
  let powersOff = false;
  for (const [index, one] of commands.entries()) {
    const previous = commands[index - 1];
    if (previous && pipedCommands(previous, one) !== undefined) continue;
    const piped = pipedCommands(one, commands[index + 1]);
    if (piped !== undefined) {
      const nested = readShutdown(piped);
      if (nested.before !== "") rest.push({ joint: one.joint, text: nested.before });
      asRoot ||= /^(?:sudo|doas|su)\b/.test(commands[index + 1]?.text ?? "") || nested.asRoot;
      powersOff ||= nested.powersOff;
      continue;
    }
    // `echo password | sudo -S …`: vmbuild needs no password.
    if (commands[index + 1]?.joint === "|" && /^(?:echo|printf)\b/.test(one.text)) continue;
    const joint = one.joint === "|" ? (commands[index - 1]?.joint ?? "") : one.joint;
    const read = readOne({ ...one, joint });
    rest.push(...read.rest);
    asRoot ||= read.asRoot;
    powersOff ||= read.off;
  }
  return { before: joinCommands(rest), asRoot, powersOff };
}
