/** git as this room runs it: without prompts, hooks, or the caller's repository. */
import { VmbuildError } from "../errors.js";
import { trustHint } from "../host/authorities.js";
import { endOf, runProgram } from "../host/programs.js";
import { describeProxy, proxyFor } from "../host/proxy.js";
import type { RunResult } from "../host/programs.js";
import { displayUrl } from "./address.js";

/** How git is run. */
export interface GitOptions {
  readonly cwd?: string;
  readonly signal: AbortSignal;
  /** Takes each line that git prints. */
  readonly onLine?: (line: string) => void;
  /** Whether `file:` addresses are allowed; not for the submodules of a tree from elsewhere. */
  readonly allowFile: boolean;
  /** Variables for proxies and certificates, of `git-network.ts`. */
  readonly network: Readonly<Record<string, string>>;
}

const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.autocrlf=false",
  "core.fileMode=true",
  "core.symlinks=true",
  "advice.detachedHead=false",
  "init.defaultBranch=main",
  // A stalled transfer ends after a minute; git itself would wait for ever.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=60",
];

/** Set by a git that calls us (a hook, an alias); they would point git at the wrong repository. */
const CALLERS = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
];

/** A line of git's without the credentials that an address in it may hold. */
function withoutCredentials(line: string): string {
  return line.replaceAll(/(?<=:\/\/)[^/@\s]+@/g, "");
}

/** Runs git; how it ended is the answer. */
export async function runGit(args: readonly string[], options: GitOptions): Promise<RunResult> {
  const { cwd, signal, onLine, allowFile, network } = options;
  const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
  const result = await runProgram("git", [...settings, ...args], {
    signal,
    keepOutput: true,
    ...(cwd === undefined ? {} : { cwd }),
    ...(onLine === undefined ? {} : { onLine: (line) => onLine(withoutCredentials(line)) }),
    env: {
      ...Object.fromEntries(CALLERS.map((name) => [name, undefined])),
      ...network,
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      // ssh asks this program and not the terminal, and gets no answer.
      SSH_ASKPASS: "/bin/false",
      SSH_ASKPASS_REQUIRE: "force",
      GIT_ALLOW_PROTOCOL: `${allowFile ? "file:" : ""}git:http:https:ssh`,
    },
  });
  return { ...result, lastLines: result.lastLines.map(withoutCredentials) };
}

/** What to do, where git's words tell of a proxy that refused or a certificate that is not trusted. */
function hintFor(words: readonly string[], url: string): string | undefined {
  const all = words.join("\n");
  if (/certificate/i.test(all)) return trustHint("UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
  const proxy = URL.canParse(url) ? proxyFor(new URL(url)) : undefined;
  if (!proxy) return undefined;
  if (/\b407\b/.test(all)) {
    return `${describeProxy(proxy)} requires a user name and a password: ${proxy.variable}=http://USER:PASSWORD@HOST:PORT`;
  }
  return `git uses ${describeProxy(proxy)}; list hosts that need no proxy in no_proxy.`;
}

/** The error for a git that failed, with its words. */
export function gitError(doing: string, result: RunResult, url = ""): VmbuildError {
  const words = result.lastLines.filter((line) => line.trim() !== "");
  const first =
    words.find((line) => /^(fatal|error):/.test(line)) ?? `it failed with ${endOf(result)}`;
  return new VmbuildError("INPUT_GIT", `git could not ${doing}: ${first}`, {
    lines: words,
    hint: hintFor(words, url),
  });
}

/** Whether git failed for a reason that may be gone in a while. */
export function isPassing(result: RunResult): boolean {
  return result.lastLines.some((line) =>
    /Could not resolve host|timed out|reset by peer|early EOF|RPC failed|unexpected disconnect|hung up|returned error: (429|5\d\d)|Connection refused/i.test(
      line,
    ),
  );
}

/**
 * Refuses what git would take for an option, and refs that are more than a name.
 * @throws {VmbuildError} INPUT_GIT.
 */
export function checkGitNames(url: string, ref: string): void {
  if (url.startsWith("-") || url === "") {
    throw new VmbuildError(
      "INPUT_GIT",
      `${JSON.stringify(url)} is not a valid address of a git repository`,
    );
  }
  // git-check-ref-format(1), and neither a refspec nor a revision expression.
  if (!/^[^-\s:*?[\\^~+][^\s:*?[\\^~]*$/.test(ref) || ref.includes("..") || ref.includes("@{")) {
    throw new VmbuildError("INPUT_GIT", `${JSON.stringify(ref)} is not a valid git ref`, {
      hint: "A ref is a tag, a branch, or a commit ID.",
      details: { url: displayUrl(url), ref },
    });
  }
}
