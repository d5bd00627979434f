/**
 * Finds the way in which a process survives the end of the user's login session: in a scope of the
 * user's service manager where that manager keeps running, else in a session of its own.
 */
import { runProgram } from "./programs.js";

/** Command that survives its caller, when it is started in a session of its own. */
export interface SurvivingCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Reason for which the command may not survive the logout; undefined where it does. */
  readonly warning?: string;
}

/** Time limit for an answer of systemd. Milliseconds. */
const ANSWER_MS = 5000;

/** Runs a program of systemd. Returns its output; undefined where it fails or does not exist. */
async function ask(file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const { exitCode, stdout } = await runProgram(file, args, { captureOutput: true, signal });
    return exitCode === 0 ? stdout.trim() : undefined;
  } catch {
    // Hosts without systemd lack the program; a bus that does not answer counts as none.
    return undefined;
  }
}

/** Reads a property of the login manager (logind), or of a user in it. */
function loginProperty(name: string, ...of: string[]): Promise<string | undefined> {
  const property = [`--property=${name}`, "--value"];
  return ask("loginctl", [of.length > 0 ? "show-user" : "show-session", ...property, ...of]);
}

/** Options of `systemd-run` for a scope: the command keeps its folder, environment and streams. */
function scopeArguments(unit: string): string[] {
  return ["--user", "--scope", "--quiet", "--collect", `--unit=${unit}.scope`, "--"];
}

/**
 * Returns the form of a command in which it survives the logout, if this host has one.
 *
 * Without lingering, the user's service manager itself ends with the last session (logind.conf(5),
 * loginctl(1)), and everything in it; processes of a session then survive only with
 * `KillUserProcesses=no`, which is the default of Debian and Ubuntu.
 * @param unit name for the scope, which no other process has.
 */
export async function survivingCommand(
  unit: string,
  file: string,
  args: readonly string[],
): Promise<SurvivingCommand> {
  const user = String(process.getuid?.() ?? 0);
  if ((await loginProperty("Linger", user)) === "yes") {
    const isThere = await ask("systemd-run", [...scopeArguments(`${unit}-probe`), "true"]);
    if (isThere !== undefined) {
      return { file: "systemd-run", args: [...scopeArguments(unit), file, ...args] };
    }
  }
  if ((await loginProperty("KillUserProcesses")) !== "yes") return { file, args };
  const warning =
    "This host ends all processes of a user at logout (KillUserProcesses in logind.conf), and with " +
    "them the run. To let them continue, run loginctl enable-linger first";
  return { file, args, warning };
}
