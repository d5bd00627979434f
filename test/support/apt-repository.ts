/** Builds Debian packages and a signed apt repository with them. */
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { FileServer } from "./http-server.js";

/** Package to build. */
export interface PackageSource {
  readonly name: string;
  readonly version: string;
  /** Further fields of the control file, such as `Depends`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Shell code of `postinst`. */
  readonly postinst?: string;
  /** Shell code of `preinst`. */
  readonly preinst?: string;
}

/** Repository with one suite and one component. */
export interface RepositorySource {
  readonly suite: string;
  readonly component: string;
  readonly packages: readonly PackageSource[];
}

/** Served repository. */
export interface AptRepository {
  /** Path of the public key, as apt's `Signed-By` expects it. */
  readonly key: string;
  /** SHA-256 of the public key. */
  readonly keyDigest: string;
}

const sha256 = (content: Buffer | string): string =>
  createHash("sha256").update(content).digest("hex");

async function buildPackage(folder: string, source: PackageSource): Promise<string> {
  const { name, version, fields = {}, preinst, postinst } = source;
  const tree = join(folder, `${name}-tree`);
  await mkdir(join(tree, "DEBIAN"), { recursive: true, mode: 0o755 });
  const control = {
    Package: name,
    Version: version,
    Architecture: "all",
    Maintainer: "vmbuild <vmbuild@example.com>",
    Description: "stand-in for tests of vmbuild",
    ...fields,
  };
  const lines = Object.entries(control).map(([key, value]) => `${key}: ${value}\n`);
  await writeFile(join(tree, "DEBIAN", "control"), lines.join(""));
  for (const [script, text] of Object.entries({ preinst, postinst })) {
    if (text === undefined) continue;
    const path = join(tree, "DEBIAN", script);
    await writeFile(path, `#!/bin/sh\nset -e\n${text}\n`, { mode: 0o755 });
  }
  const path = join(folder, `${name}_${version}_all.deb`);
  await execa("dpkg-deb", ["--root-owner-group", "--build", tree, path]);
  return path;
}

/** Returns a package's entry in the list of packages. */
async function listEntry(path: string, filename: string): Promise<string> {
  const { stdout } = await execa("dpkg-deb", ["--field", path]);
  const { size } = await stat(path);
  const digest = sha256(await readFile(path));
  return `${stdout}\nFilename: ${filename}\nSize: ${size}\nSHA256: ${digest}\n`;
}

/** Creates a key that signs the repository. */
async function createSigner(
  folder: string,
): Promise<{ key: Buffer; sign: (text: string) => Promise<string> }> {
  const home = join(folder, "gnupg");
  await mkdir(home, { mode: 0o700 });
  const gpg = ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"];
  const identity = "vmbuild tests <vmbuild@example.com>";
  await execa("gpg", [...gpg, "--passphrase", "", "--quick-gen-key", identity, "ed25519", "sign"]);
  const options = { encoding: "buffer", stripFinalNewline: false } as const;
  const exported = await execa("gpg", [...gpg, "--export"], options);
  const sign = async (text: string): Promise<string> => {
    const args = [...gpg, "--passphrase", "", "--clearsign"];
    return (await execa("gpg", args, { input: text })).stdout;
  };
  return { key: Buffer.from(exported.stdout), sign };
}

/** Builds the packages in a folder and serves the repository below `/PREFIX`. */
export async function serveAptRepository(
  server: FileServer,
  prefix: string,
  folder: string,
  { suite, component, packages }: RepositorySource,
): Promise<AptRepository> {
  await mkdir(folder, { recursive: true });
  const entries: string[] = [];
  for (const source of packages) {
    const path = await buildPackage(folder, source);
    const filename = `pool/${source.name}_${source.version}_all.deb`;
    server.serve(`/${prefix}/${filename}`, { content: path });
    entries.push(await listEntry(path, filename));
  }
  const list = entries.join("\n");
  const listPath = `${component}/binary-amd64/Packages`;
  const release = [
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Components: ${component}`,
    "Architectures: amd64 all",
    `Date: ${new Date().toUTCString().replace("GMT", "UTC")}`,
    "SHA256:",
    ` ${sha256(list)} ${Buffer.byteLength(list)} ${listPath}`,
    "",
  ].join("\n");
  const { key, sign } = await createSigner(folder);
  const signed = await sign(release);
  server.serve(`/${prefix}/dists/${suite}/${listPath}`, Buffer.from(list));
  server.serve(`/${prefix}/dists/${suite}/InRelease`, Buffer.from(`${signed}\n`));
  const keyPath = join(folder, "key.gpg");
  await writeFile(keyPath, key);
  return { key: keyPath, keyDigest: sha256(key) };
}
