/**
 * Starts another host for builds: an SSH server for a user who exists only there, with vmbuild in
 * the user's folder, and the configuration of a caller that knows it as `builder`.
 */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { formatManifest } from "../../src/artifact/manifest.js";
import { makeBuildKeys } from "../../src/seed/keys.js";
import { vmbuildVersion } from "../../src/version.js";
import { exampleManifest } from "../unit/artifact/example.js";
import { USER, USER_ID, startAccount } from "./account.js";
import { sha256Of } from "./artifact.js";

/** Other host. Dispose of it after use. */
export interface Builder extends AsyncDisposable {
  /** Home folder of the user. */
  readonly home: string;
  /** Folder of vmbuild there. */
  readonly folder: string;
  /** Path of the vmbuild that is installed there. */
  readonly installed: string;
  /** Variables of the environment of a caller. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of the caller's known_hosts. */
  readonly knownHosts: string;
  /** Loses the connections of all callers. */
  loseConnections(): Promise<void>;
  /** Makes the user the owner of all files in the home folder. */
  own(): Promise<unknown>;
  /** Copies a cache folder of vmbuild to the user's. */
  copyCache(folder: string): Promise<void>;
  /** Writes a run that has made an image with a folder beside it; returns the image's path. */
  writeImage(name: string, content: Buffer, facts?: ImageFacts): Promise<string>;
  /** Writes the record of a run. */
  writeRun(name: string, record: Readonly<Record<string, string>>): Promise<void>;
}

/** What an image of a test has instead of the usual. */
export interface ImageFacts {
  /** Digest in the manifest. */
  readonly sha256?: string;
  /** Path of the template there. */
  readonly template?: string;
  readonly version?: string;
  readonly runId?: string;
  readonly startedAt?: string;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Name of vmbuild's folder beside the home of the user. */
const MOUNT = "vmbuild";

/** Writes the configuration of a caller, and an `ssh` that reads it. */
async function makeCaller(folder: string, port: number, key: string, hostKey: string) {
  const [config, knownHosts] = [join(folder, "config"), join(folder, "known_hosts")];
  const { stdout } = await execa("ssh-keygen", ["-y", "-f", hostKey]);
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${stdout}\n`);
  await writeFile(join(folder, "id"), key, { mode: 0o600 });
  const lines = [
    "Host builder",
    "HostName 127.0.0.1",
    `Port ${port}`,
    `User ${USER}`,
    `IdentityFile ${join(folder, "id")}`,
    "IdentitiesOnly yes",
    `UserKnownHostsFile ${knownHosts}`,
    "GlobalKnownHostsFile none",
    "BatchMode yes",
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  // OpenSSH finds the user's own file by the password database, not by HOME.
  const { stdout: ssh } = await execa("sh", ["-c", "command -v ssh"]);
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/ssh"), `#!/bin/sh\nexec ${ssh} -F ${config} "$@"\n`);
  await chmod(join(folder, "bin/ssh"), 0o755);
  return { knownHosts, env: { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}` } };
}

/** Starts the host. */
export async function startBuilder(): Promise<Builder> {
  const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
  const account = await startAccount({
    configuration: [`SetEnv PATH=${path} LANG=C.UTF-8`],
    mount: { name: MOUNT, folder: ROOT },
  });
  const { home, port } = account;
  const keys = makeBuildKeys();
  const folder = join(home, ".local/share/vmbuild");
  const installed = join(folder, "versions", vmbuildVersion(), "node_modules/vmbuild");
  const own = (): Promise<unknown> => execa("chown", ["-hR", `${USER_ID}:${USER_ID}`, home]);
  await mkdir(join(home, ".ssh"), { mode: 0o700 });
  await writeFile(join(home, ".ssh/authorized_keys"), `${keys.client.public}\n`);
  await mkdir(dirname(installed), { recursive: true });
  await symlink(join(dirname(home), MOUNT), installed);
  await own();
  const writeRun: Builder["writeRun"] = async (name, record) => {
    const run = join(home, ".local/state/vmbuild/builds", name, "runs", record["runId"] ?? "");
    const facts = { name, version: "1.0.0", template: "/x.json", pid: 1, ...record };
    await mkdir(run, { recursive: true });
    await writeFile(join(run, "run.json"), JSON.stringify(facts));
    await own();
  };
  const caller = await mkdtemp(join(tmpdir(), "vmbuild-caller-"));
  return {
    home,
    folder,
    installed,
    ...(await makeCaller(caller, port, keys.client.private, account.hostKey)),
    loseConnections: () => account.loseConnections(),
    own,
    async copyCache(from) {
      await mkdir(join(home, ".cache"), { recursive: true });
      await execa("cp", ["-a", from, join(home, ".cache/vmbuild")]);
      await own();
    },
    async writeImage(name, content, given = {}) {
      const { sha256 = sha256Of(content), template = "/x.json", version = "1.0.0" } = given;
      const { runId = "20260214-170400-3f9a1c", startedAt = "2026-02-14T17:04:00.000Z" } = given;
      const filename = `${name}-${version}.qcow2`;
      const output = join(folder, "output", name);
      const image = join(output, filename);
      const facts = {
        name: filename,
        format: "qcow2",
        size: content.length,
        checksums: { sha256 },
      };
      const manifest = { ...exampleManifest(), name, version, files: [facts] };
      await mkdir(join(output, "site"), { recursive: true });
      await writeFile(image, content);
      await writeFile(`${image}.sha256`, `${sha256}  ${filename}\n`);
      await writeFile(join(output, "site/index.html"), "made by a step\n");
      await writeFile(
        join(output, "manifest.json"),
        formatManifest({ ...manifest, companions: ["site"] }),
      );
      const record = { runId, version, template, startedAt, endedAt: startedAt };
      await writeRun(name, { ...record, state: "done", artifact: image });
      return image;
    },
    writeRun,
    async [Symbol.asyncDispose]() {
      await account[Symbol.asyncDispose]();
      await rm(caller, { recursive: true, force: true });
    },
  };
}
