/** Runs the compiled command line as a process with its own folders. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

/** Compiled command line. */
export const CLI_MAIN = fileURLToPath(new URL("../../dist/bin/vmbuild.js", import.meta.url));

/** Compiled command line that is called as `packer`. */
const SHIM_MAIN = fileURLToPath(new URL("../../dist/bin/vmbuild-packer.js", import.meta.url));

/** Result of a command. */
export interface CliResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Home of commands. Dispose of it after use. */
export interface CliHome extends AsyncDisposable {
  /** Absolute path of the current folder of commands. */
  readonly folder: string;
  /** `$XDG_STATE_HOME/vmbuild/builds` and `$XDG_CACHE_HOME/vmbuild`. */
  readonly builds: string;
  readonly cache: string;
  readonly runtime: string;
  readonly env: Readonly<Record<string, string>>;
  run(...args: string[]): Promise<CliResult>;
  /** Runs a command of `vmbuild-packer`, with further variables of the environment. */
  packer(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<CliResult>;
  /** Runs a command with a different environment. */
  runWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<CliResult>;
  /** Writes files and creates their folders. Values that are not strings become JSON. */
  write(files: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Creates a home with empty state, cache and runtime folders. */
export async function makeCliHome(): Promise<CliHome> {
  const root = await mkdtemp(join(tmpdir(), "vmbuild-cli-"));
  const at = (name: string): string => join(root, name);
  for (const name of ["work", "state", "cache", "run"]) await mkdir(at(name), { mode: 0o700 });
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: root,
    XDG_STATE_HOME: at("state"),
    XDG_CACHE_HOME: at("cache"),
    XDG_RUNTIME_DIR: at("run"),
    LANG: "C.UTF-8",
  };
  const runIn = async (
    own: Readonly<Record<string, string>>,
    args: readonly string[],
    main = CLI_MAIN,
  ): Promise<CliResult> => {
    const options = { cwd: at("work"), env: own, extendEnv: false, reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...args], options);
    return { exitCode, stdout, stderr };
  };
  return {
    folder: at("work"),
    builds: join(root, "state", "vmbuild", "builds"),
    cache: join(root, "cache", "vmbuild"),
    runtime: join(root, "run", "vmbuild"),
    env,
    run: (...args) => runIn(env, args),
    packer: (args, more = {}) => runIn({ ...env, ...more }, args, SHIM_MAIN),
    runWith: (own, ...args) => runIn(own, args),
    async write(files) {
      for (const [path, content] of Object.entries(files)) {
        const target = path.startsWith("/") ? path : join(at("work"), path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, typeof content === "string" ? content : JSON.stringify(content));
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
