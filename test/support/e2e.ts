/** What end-to-end tests share: folders of their own, small templates, and vmbuild as a process. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";

/** The compiled command line. Another build of it can be put in its place. */
export const CLI = resolve(process.env["VMBUILD_CLI"] ?? "dist/cli/main.js");

/** How a vmbuild ended, and all that it said. */
export interface Ended {
  /** As a shell has it: 128 and more for a signal. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A vmbuild that was started. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr holds a line like this; rejects when vmbuild ends without one. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Where one test's vmbuilds keep what they make. */
export interface Sandbox extends AsyncDisposable {
  readonly folder: string;
  readonly output: string;
  /** For sockets; the tests can see what is left in it. */
  readonly runtime: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes a template beside nothing else, and gives its path. */
  template(document: TemplateDocument): Promise<string>;
  /** Starts vmbuild with these arguments. */
  start(...args: string[]): Running;
  /** Runs vmbuild to its end. */
  vmbuild(...args: string[]): Promise<Ended>;
  /** `vmbuild run` of a template into the bench's output folder, in plain lines. */
  build(template: string, ...args: string[]): Running;
  /** The folder of a build's only or latest run. */
  runFolder(name: string): Promise<string>;
  /** A build's folder. */
  buildFolder(name: string): string;
}

/** A template as JSON; what every small machine has is filled in. */
export type TemplateDocument = { name: string; machine?: object } & Record<string, unknown>;

const SMALL = {
  base: { bootstrap: { suite: "bookworm" } },
  machine: { cpus: 1, memory: "768M", disk: "4G", accelerator: "tcg" },
};

/** The codes that tests meet, as shells have them. */
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
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => {
      done({ exitCode: code ?? SIGNALS[signal ?? ""] ?? 255, stdout, stderr, at: Date.now() });
    });
  });
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((done, failed) => {
      const look = (): void => {
        const match = pattern.exec(stderr);
        if (!match) return;
        waiting.delete(look);
        done(match);
      };
      waiting.add(look);
      look();
      ended.then(
        () => failed(new Error(`vmbuild ended without ${pattern.source}:\n${stderr}`)),
        failed,
      );
    });
  return { pid: child.pid ?? 0, child, ended, until };
}

/** Where `setup.ts` has all benches share the states of booted guests. */
export const SHARED_READY = "VMBUILD_E2E_READY";

/**
 * Makes a bench. Disposing of it ends what it started and removes its folder.
 * @param options `boots`: its guests boot, where others start from a state that benches share.
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
  const shared = process.env[SHARED_READY];
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

/** Requires that a vmbuild ended well, and says what it printed where it did not. */
export function requireDone(ended: Ended): void {
  if (ended.exitCode !== 0) throw new Error(`exit ${ended.exitCode}\n${ended.stderr}`);
}

/** The process id of the machine of a build's latest run, as qemu.json has it. */
export async function machinePid(sandbox: Sandbox, name: string): Promise<number> {
  const text = await readFile(join(await sandbox.runFolder(name), "qemu.json"), "utf8");
  return z.object({ pid: z.number() }).parse(JSON.parse(text)).pid;
}

/** Whether a process is there and is not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text !== "" && !/\) Z /.test(text);
}

/** Every process whose argument list or environment names this folder: `pid command`. */
export async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    // A process may end while it is looked at.
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const [words, environment] = [await read("cmdline"), await read("environ")];
    if (!words.includes(folder) && !environment.includes(folder)) continue;
    if (await isAlive(Number(pid))) found.push(`${pid} ${words.replaceAll("\0", " ")}`);
  }
  return found;
}

/** Looks again until it is true; the test's own timeout ends it otherwise. */
export async function eventually(what: () => Promise<boolean>, every = 100): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, every));
}
