/** Runs builds in the background that wait for a download, and so need no guest. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import type { RunRecord } from "../../src/builds/workspace.js";
import { CLI_MAIN, makeCliHome } from "./cli.js";
import type { CliHome } from "./cli.js";
import { eventually, isAlive } from "./e2e.js";

/** Build `slow`, whose runs wait until they are ended. Dispose of it after use. */
export interface SlowBuild extends AsyncDisposable {
  readonly home: CliHome;
  /** Folder of the run with this id, or of the only one. */
  runFolder(runId?: string): Promise<string>;
  /** Starts a command without waiting for its end. */
  start(...args: string[]): ReturnType<typeof startCommand>;
  /** Starts a detached run and returns its id and process. */
  detach(...flags: string[]): Promise<{ readonly runId: string; readonly pid: number }>;
  /** Returns the record of the last run; an empty one before the first. */
  record(): Promise<Partial<RunRecord>>;
  /** Returns the build as `list --json` describes it. */
  listed(): Promise<Record<string, unknown>>;
}

/** Starts a command of the compiled command line. */
function startCommand(home: CliHome, args: readonly string[]) {
  return execa(process.execPath, [CLI_MAIN, ...args], {
    ...{ cwd: home.folder, env: home.env, extendEnv: false, reject: false },
  });
}

/** Accepts connections and never answers. */
async function openSilentServer() {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket.on("error", () => {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const client of clients) client.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** Creates the build in a home of its own. Disposing of it kills its runs. */
export async function createSlowBuild(): Promise<SlowBuild> {
  const home = await makeCliHome();
  const server = await openSilentServer();
  const pids = new Set<number>();
  await promisify(execFile)("qemu-img", [
    ...["create", "-q", "-f", "qcow2", join(home.folder, "base.qcow2"), "16M"],
  ]);
  const url = `http://127.0.0.1:${server.port}/data`;
  await home.write({
    "slow.json": {
      ...{ name: "slow", version: "1.0.0", base: { path: "base.qcow2" } },
      machine: { cpus: 1, memory: "128M", disk: "64M", accelerator: "tcg" },
      inputs: { data: { url, checksum: "none" } },
      steps: [{ name: "one", actions: [{ run: "true" }] }],
    },
  });
  const runs = join(home.builds, "slow/runs");
  const runFolder = async (runId?: string): Promise<string> =>
    join(runs, runId ?? (await readdir(runs))[0] ?? "");
  return {
    home,
    runFolder,
    start: (...args) => startCommand(home, args),
    async detach(...flags) {
      const { exitCode, stdout, stderr } = await home.run(
        ...["run", "slow.json", "--detach", "--json", ...flags],
      );
      if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`);
      const run = JSON.parse(stdout) as { runId: string; pid: number };
      pids.add(run.pid);
      return run;
    },
    record: async () => (await recordsIn(runs)).at(-1) ?? {},
    async listed() {
      const { stdout } = await home.run("list", "--json");
      const { builds } = JSON.parse(stdout) as { builds: Record<string, unknown>[] };
      return builds[0] ?? {};
    },
    async [Symbol.asyncDispose]() {
      for (const record of await recordsIn(runs)) pids.add(record.pid);
      for (const pid of pids) {
        const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        if (!words.includes("--detached-run")) continue;
        process.kill(pid, "SIGKILL");
        await eventually(async () => !(await isAlive(pid)), 20);
      }
      await server.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

async function recordsIn(runs: string): Promise<RunRecord[]> {
  const names = (await readdir(runs).catch((): string[] => [])).toSorted();
  const texts = await Promise.all(
    names.map((name) => readFile(join(runs, name, "run.json"), "utf8").catch(() => "")),
  );
  return texts.filter(Boolean).map((text) => JSON.parse(text) as RunRecord);
}
