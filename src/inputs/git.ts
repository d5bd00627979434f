/** Runs git without prompts, hooks or the caller's repository. */
import { WITHOUT_CALLING_GIT } from "../host/git-environment.js";
import { VmbuildError } from "../errors.js";
import { trustHint } from "../host/authorities.js";
import { describeExit, runProgram } from "../host/programs.js";
import { describeProxy, proxyFor } from "../host/proxy.js";
import type { RunResult } from "../host/programs.js";
import { displayUrl } from "./address.js";

/** Options of a git command. */
export interface GitOptions {
  readonly cwd?: string;
  readonly signal: AbortSignal;
  /** Called for each line that git prints. */
  readonly onLine?: (line: string) => void;
  /** Allows `file:` addresses; false for the submodules of a remote tree. */
  readonly allowFile: boolean;
  /** Variables for proxies and certificates, from `git-network.ts`. */
  readonly network: Readonly<Record<string, string>>;
}

const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.autocrlf=false",
  "core.fileMode=true",
  "core.symlinks=true",
  "advice.detachedHead=false",
  "init.defaultBranch=main",
  // Ends a stalled transfer after a minute; git itself would wait forever.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=60",
];

/** Removes credentials in addresses from a line of git's output. */
function withoutCredentials(line: string): string {
  return line.replaceAll(/(?<=:\/\/)[^/@\s]+@/g, "");
}

/** Runs git and returns how it ended. */
export async function runGit(args: readonly string[], options: GitOptions): Promise<RunResult> {
  const { cwd, signal, onLine, allowFile, network } = options;
  const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
  const result = await runProgram("git", [...settings, ...args], {
    signal,
    captureOutput: true,
    ...(cwd === undefined ? {} : { cwd }),
    ...(onLine === undefined ? {} : { onLine: (line) => onLine(withoutCredentials(line)) }),
    env: {
      ...WITHOUT_CALLING_GIT,
      ...network,
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      // ssh runs this program instead of asking on the terminal, and gets no answer.
      SSH_ASKPASS: "/bin/false",
      SSH_ASKPASS_REQUIRE: "force",
      GIT_ALLOW_PROTOCOL: `${allowFile ? "file:" : ""}git:http:https:ssh`,
    },
  });
  return { ...result, lastLines: result.lastLines.map(withoutCredentials) };
}

/**
 * Returns advice when git's output shows that a proxy refused the connection or that a certificate
 * is not trusted.
 */
function hintFor(lines: readonly string[], url: string): string | undefined {
  const all = lines.join("\n");
  if (/certificate/i.test(all)) return trustHint("UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
  const proxy = URL.canParse(url) ? proxyFor(new URL(url)) : undefined;
  if (!proxy) return undefined;
  if (/\b407\b/.test(all)) {
    return `${describeProxy(proxy)} requires a user name and a password: ${proxy.variable}=http://USER:PASSWORD@HOST:PORT`;
  }
  return `git uses ${describeProxy(proxy)}; list hosts that need no proxy in no_proxy.`;
}

/** Returns the error for a failed git command, with its output. */
export function gitError(doing: string, result: RunResult, url = ""): VmbuildError {
  const lines = result.lastLines.filter((line) => line.trim() !== "");
  const first =
    lines.find((line) => /^(fatal|error):/.test(line)) ?? `it failed with ${describeExit(result)}`;
  return new VmbuildError("INPUT_GIT", `git could not ${doing}: ${first}`, {
    lines,
    hint: hintFor(lines, url),
  });
}

/** Returns whether git failed for a reason that may be temporary. */
export function isTransient(result: RunResult): boolean {
  return result.lastLines.some((line) =>
    /Could not resolve host|timed out|reset by peer|early EOF|RPC failed|unexpected disconnect|hung up|returned error: (429|5\d\d)|Connection refused/i.test(
      line,
    ),
  );
}

/**
 * Rejects addresses that git would take for options, and refs that are more than a name.
 * @throws {VmbuildError} INPUT_GIT.
 */
export function checkGitNames(url: string, ref: string): void {
  if (url.startsWith("-") || url === "") {
    throw new VmbuildError(
      "INPUT_GIT",
      `${JSON.stringify(url)} is not a valid address of a git repository`,
    );
  }
  // Rules of git-check-ref-format(1). Refspecs and revision expressions are not allowed either.
  if (!/^[^-\s:*?[\\^~+][^\s:*?[\\^~]*$/.test(ref) || ref.includes("..") || ref.includes("@{")) {
    throw new VmbuildError("INPUT_GIT", `${JSON.stringify(ref)} is not a valid git ref`, {
      hint: "A ref is a tag, a branch, or a commit ID.",
      details: { url: displayUrl(url), ref },
    });
  }
}
