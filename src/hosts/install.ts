/** Installs this version of vmbuild on another host, from a tarball of the vmbuild that runs here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { programFolder } from "../host/current-folder.js";
import { Tail } from "../host/lines.js";
import { PACKAGE_ROOT } from "../host/package-files.js";
import { missingProgramError, runProgram, shellQuote } from "../host/programs.js";
import { vmbuildVersion } from "../version.js";
import { folderExpression, sshArguments } from "./address.js";
import type { HostAddress } from "./address.js";
import { SSH_FAILED, connectionError } from "./connect.js";

/** Packs the package to which this file belongs; returns the path of the tarball. */
async function pack(folder: string, signal: AbortSignal): Promise<string> {
  const args = ["pack", "--ignore-scripts", "--pack-destination", folder, PACKAGE_ROOT];
  const { exitCode, lastLines } = await runProgram("npm", args, { signal });
  const [file] = await readdir(folder);
  if (exitCode === 0 && file !== undefined) return join(folder, file);
  throw new VmbuildError("REMOTE_VERSION", "npm could not pack this vmbuild", { lines: lastLines });
}

/**
 * Returns the script of the other host, whose input is the tarball. The version is complete or not
 * there. Install scripts are not run: the native part of ssh2 is optional and needs a compiler.
 */
function installScript(address: HostAddress): string {
  const version = vmbuildVersion();
  const steps = [
    "set -e",
    `folder=${folderExpression(address)}`,
    'mkdir -p "$folder/versions"',
    // What an installation has left whose host or shell was killed.
    `find "$folder/versions" -maxdepth 1 -name '.new.*' -mmin +60 -exec rm -rf {} +`,
    'new=$(mktemp -d "$folder/versions/.new.XXXXXX")',
    `trap 'rm -rf "$new"' EXIT`,
    // Not every shell runs the former when a signal ends it.
    "trap 'exit 129' HUP INT PIPE TERM",
    'cat > "$new/vmbuild.tgz"',
    "node --version >&2",
    'npm install --prefix "$new" --omit=dev --ignore-scripts --no-audit --no-fund --no-package-lock "$new/vmbuild.tgz" >&2',
    `[ "$(node "$new/node_modules/vmbuild/dist/bin/vmbuild.js" --version)" = ${version} ]`,
    `rm -rf "$folder/versions/${version}"`,
    `mv "$new" "$folder/versions/${version}"`,
  ];
  return `exec sh -c ${shellQuote(steps.join("; "))}`;
}

/**
 * Installs this version of vmbuild in vmbuild's folder on another host. npm there gets its
 * dependencies from the registry that is configured there.
 * @throws {VmbuildError} REMOTE_VERSION when npm fails; REMOTE_UNREACHABLE.
 */
export async function installOn(address: HostAddress, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-pack-"));
  try {
    const tarball = await pack(folder, signal);
    const said = new Tail();
    const child = spawn("ssh", [...sshArguments(address, false), installScript(address)], {
      stdio: ["pipe", "ignore", "pipe"],
      cwd: programFolder(),
      signal,
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line.trim() !== "") said.push(line.trimEnd());
    });
    // A host that ends early says why on stderr.
    child.stdin.on("error", () => {});
    createReadStream(tarball).pipe(child.stdin);
    try {
      await once(child, "close");
    } catch (error) {
      signal.throwIfAborted();
      throw systemCode(error) === "ENOENT" ? missingProgramError("ssh", error) : error;
    }
    if (child.exitCode === 0) return;
    const { lines } = said;
    if (child.exitCode === SSH_FAILED) throw connectionError(address, lines);
    const message = `vmbuild ${vmbuildVersion()} could not be installed on ${address.text}`;
    throw new VmbuildError("REMOTE_VERSION", message, {
      lines,
      hint: "Node.js 20.19 or later, npm, and a registry that npm reaches are needed there.",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
