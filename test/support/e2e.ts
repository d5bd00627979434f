/** Provides end-to-end tests with folders, small templates, and vmbuild as a process. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";

/** Compiled command line; VMBUILD_CLI selects another build of it. */
export const CLI = resolve(process.env["VMBUILD_CLI"] ?? "dist/bin/vmbuild.js");

/** Result of a vmbuild process, with all its output. */
export interface Ended {
  /** Exit code as in a shell: 128 and above for a signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Running vmbuild process. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr contains a match; rejects when vmbuild ends without one. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Folders of one test, in which its vmbuild processes write. */
export interface Sandbox extends AsyncDisposable {
  readonly folder: string;
  readonly output: string;
  /** Folder of sockets; tests check that it is empty afterwards. */
  readonly runtime: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a template to a folder of its own and returns its path. */
  template(document: TemplateDocument): Promise<string>;
  /** Starts vmbuild with these arguments. */
  start(...args: string[]): Running;
  /** Runs vmbuild and waits for its end. */
  vmbuild(...args: string[]): Promise<Ended>;
  /** Runs `vmbuild run` with the sandbox's output folder and plain output. */
  build(template: string, ...args: string[]): Running;
  /** Returns the folder of a build's latest run. */
  runFolder(name: string): Promise<string>;
  /** Returns the folder of a build. */
  buildFolder(name: string): string;
}

/** Template as JSON; the settings of a small machine are added. */
export type TemplateDocument = { name: string; machine?: object } & Record<string, unknown>;

const SMALL = {
  base: { bootstrap: { suite: "bookworm" } },
  machine: { cpus: 1, memory: "768M", disk: "4G", accelerator: "tcg" },
};

/** Exit codes of shells for the signals that tests use. */
const SIGNALS: Record<string, number> = { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 };

function startVmbuild(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env,
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const check of waiting) check();
  });
  const ended = new Promise<Ended>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => {
      done({ exitCode: code ?? SIGNALS[signal ?? ""] ?? 255, stdout, stderr, at: Date.now() });
    });
  });
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((done, failed) => {
      const check = (): void => {
        const match = pattern.exec(stderr);
        if (!match) return;
        waiting.delete(check);
        done(match);
      };
      waiting.add(check);
      check();
      ended.then(
        () => failed(new Error(`vmbuild ended without ${pattern.source}:\n${stderr}`)),
        failed,
      );
    });
  return { pid: child.pid ?? 0, child, ended, until };
}

/**
 * Variable with the folder of shared checkpoints of booted guests, set by `setup.ts` for all
 * sandboxes.
 */
export const SHARED_CHECKPOINTS = "VMBUILD_E2E_READY";

/**
 * Creates a sandbox. Disposing of it kills its processes and removes its folder.
 * @param options `boots`: its guests boot instead of starting from a shared checkpoint.
 */
export async function createSandbox(options: { boots?: boolean } = {}): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), "vmb-e2e-"));
  const [output, runtime, templates] = ["output", "run", "templates"].map((n) => join(folder, n));
  if (!output || !runtime || !templates) throw new Error("three folders make three paths");
  for (const path of [runtime, templates]) await mkdir(path, { mode: 0o700 });
  const env = {
    ...process.env,
    NO_COLOR: "1",
    XDG_STATE_HOME: join(folder, "state"),
    XDG_RUNTIME_DIR: runtime,
  };
  const shared = process.env[SHARED_CHECKPOINTS];
  if (!options.boots && shared !== undefined) {
    await mkdir(join(folder, "state/vmbuild"), { recursive: true, mode: 0o700 });
    await symlink(shared, join(folder, "state/vmbuild/ready"));
  }
  const started: Running[] = [];
  const start = (...args: string[]): Running => {
    const running = startVmbuild(args, env, folder);
    started.push(running);
    return running;
  };
  const buildFolder = (name: string): string => join(folder, "state/vmbuild/builds", name);
  return {
    folder,
    output,
    runtime,
    env,
    async template(document) {
      const path = join(templates, `${document.name}.json`);
      const machine = { ...SMALL.machine, ...document.machine };
      await writeFile(path, JSON.stringify({ ...SMALL, ...document, machine }, null, 2));
      return path;
    },
    start,
    vmbuild: (...args) => start(...args).ended,
    build: (template, ...args) =>
      start("run", template, "--output", output, "--log-format", "plain", ...args),
    async runFolder(name) {
      const runs = join(buildFolder(name), "runs");
      return join(runs, (await readdir(runs)).toSorted().at(-1) ?? "");
    },
    buildFolder,
    async [Symbol.asyncDispose]() {
      for (const { child, ended } of started) {
        child.kill("SIGKILL");
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Requires success of a vmbuild process; throws with its output otherwise. */
export function requireDone(ended: Ended): void {
  if (ended.exitCode !== 0) throw new Error(`exit ${ended.exitCode}\n${ended.stderr}`);
}

/** Returns the process ID of the machine of a build's latest run, from qemu.json. */
export async function machinePid(sandbox: Sandbox, name: string): Promise<number> {
  const text = await readFile(join(await sandbox.runFolder(name), "qemu.json"), "utf8");
  return z.object({ pid: z.number() }).parse(JSON.parse(text)).pid;
}

/** Returns whether a process exists and is not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text !== "" && !/\) Z /.test(text);
}

/** Returns every process whose arguments or environment contain this folder: `pid command`. */
export async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    // A process may end while it is read.
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [words, environment] = [await read("cmdline"), await read("environ")];
    if (!words.includes(folder) && !environment.includes(folder)) continue;
    if (await isAlive(Number(pid))) found.push(`${pid} ${words.replaceAll("\0", " ")}`);
  }
  return found;
}

/** Retries until the condition is true, or the test times out. */
export async function eventually(what: () => Promise<boolean>, every = 100): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, every));
}

/** Builds a template with an output folder of its own, as each template of a sandbox needs one. */
export function buildInto(
  sandbox: Sandbox,
  folder: string,
  template: string,
  ...args: string[]
): Promise<Ended> {
  const output = ["--output", join(sandbox.folder, folder)];
  return sandbox.start("run", template, ...output, "--log-format", "plain", ...args).ended;
}
