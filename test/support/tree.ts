/**
 * Creates a root file system from Debian packages in which an appliance can run without a machine:
 * a folder in memory, entered through its own namespaces, with its own loopback and ports.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { archiveKeyring, formatSources, hostSources } from "../../src/base/bootstrap/sources.js";
import { statIfThere } from "../../src/host/files.js";
import { waitForLock } from "../../src/host/lock.js";
import { hostPaths } from "../../src/host/paths.js";

/** Result of a command in the tree. */
export interface TreeEnd {
  readonly exitCode: number | undefined;
  /** Both streams, in order. */
  readonly output: string;
}

/** Tree in which programs can run. Disposing of it kills all of them. */
export interface Tree extends AsyncDisposable {
  /** Copies a file or folder of the host into the tree. */
  copy(source: string, to: string): Promise<void>;
  /** Runs a script with bash; its environment consists of the variables, PATH and HOME. */
  run(script: string, variables?: Readonly<Record<string, string>>): Promise<TreeEnd>;
  /** Returns the output of a script. Throws when it fails. */
  ask(script: string, variables?: Readonly<Record<string, string>>): Promise<string>;
}

const SUITE = "bookworm";

/** Returns the tree as a tar file, which is created once for a list of packages and cached. */
async function packedTree(packages: readonly string[]): Promise<string> {
  const key = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 12);
  const folder = join(hostPaths().inputs, "..", "test-trees");
  const path = join(folder, `${SUITE}-${key}.tar`);
  await mkdir(folder, { recursive: true });
  // Several test files may need the same tree at the same time; creating it takes a minute.
  await using _lock = await waitForLock(`${path}.lock`, new AbortController().signal);
  if (await statIfThere(path)) return path;
  const work = await mkdtemp(join(tmpdir(), "vmb-tree-"));
  try {
    const { signal } = new AbortController();
    const found = await hostSources(SUITE, work, signal);
    const sources = join(work, "debian.sources");
    await writeFile(sources, formatSources(found, await archiveKeyring()));
    const part = `${path}.${process.pid}.tar`;
    await execa("mmdebstrap", [
      "--mode=unshare",
      "--variant=minbase",
      `--include=${packages.join(",")}`,
      '--aptopt=Acquire::Languages "none"',
      "--dpkgopt=force-unsafe-io",
      ...(found.length === 0 ? [] : ["--skip=check/signed-by"]),
      SUITE,
      part,
      ...(found.length === 0 ? [] : [sources]),
    ]);
    await rename(part, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return path;
}

// Runs with the tar file and an empty folder, as root of the new namespaces.
const HOLDER = `set -e
mount -t tmpfs -o mode=0755 tree "$2"
tar -xf "$1" -C "$2" --exclude='./dev/*'
mount --rbind /dev "$2/dev"
mount -t proc proc "$2/proc"
ip link set lo up
# Programs that enter earlier would run in the host's root file system. bash, since the first process
# of a namespace has to take care of orphans.
exec chroot "$2" /bin/bash -c 'echo ready; cat; true'`;

/** Unpacks a tree with these packages. It exists until it is disposed of. */
export async function createTree(packages: readonly string[]): Promise<Tree> {
  const packed = await packedTree(packages);
  const folder = await mkdtemp(join(tmpdir(), "vmb-tree-"));
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? [] : ["--user", "--map-root-user", "--map-auto"];
  const spaces = ["--mount", "--net", "--pid", "--ipc", "--uts"];
  const holder = spawn(
    "unshare",
    [...user, ...spaces, "--fork", "--kill-child", "bash", "-c", HOLDER, "bash", packed, folder],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  const ready = new Promise<void>((resolve) => holder.stdout.once("data", () => resolve()));
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error("the tree could not be entered: its messages are above");
    }),
  ]);
  const children = await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8");
  const inside = ["--target", children.trim(), "--mount", "--net", "--pid", "--ipc", "--uts"];
  const enter = [
    ...(isRoot ? [] : ["--user", "--preserve-credentials"]),
    ...inside,
    "--root",
    "--wd",
  ];
  const run: Tree["run"] = async (script, variables = {}) => {
    const { exitCode, all } = await execa("nsenter", [...enter, "--", "/bin/bash", "-c", script], {
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/root",
        ...variables,
      },
      extendEnv: false,
      all: true,
      reject: false,
    });
    return { exitCode, output: all };
  };
  return {
    run,
    async ask(script, variables) {
      const { exitCode, output } = await run(script, variables);
      if (exitCode !== 0) throw new Error(`${script}\nexit ${exitCode}\n${output}`);
      return output;
    },
    async copy(source, to) {
      const pack = execa("tar", ["-cf", "-", "-C", source, "."], { encoding: "buffer" });
      const { stdout } = await pack;
      await execa(
        "nsenter",
        [
          ...enter,
          "--",
          "/bin/bash",
          "-c",
          'mkdir -p "$0" && tar -xf - --no-same-owner -C "$0"',
          to,
        ],
        { input: stdout },
      );
    },
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
