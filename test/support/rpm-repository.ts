/** Builds rpm packages with rpmbuild, and a repository with createrepo_c that a server serves. */
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { FileServer } from "./http-server.js";

/** Package to build: without files. */
export interface RpmSource {
  readonly name: string;
  readonly version: string;
  readonly release?: string;
  readonly epoch?: number;
}

/** Whether rpmbuild and createrepo_c are on this host. */
export async function hasRpmTools(): Promise<boolean> {
  const ends = await Promise.all(
    ["rpmbuild", "createrepo_c"].map((program) => execa(program, ["--version"], { reject: false })),
  );
  return ends.every(({ failed }) => !failed);
}

const specOf = ({ name, version, release = "1", epoch }: RpmSource): string =>
  [
    ...[`Name: ${name}`, `Version: ${version}`, `Release: ${release}`],
    ...(epoch === undefined ? [] : [`Epoch: ${epoch}`]),
    ...[`Summary: ${name} & "<more>"`, "License: MIT", "BuildArch: noarch"],
    ...["%description", "A package <for> tests.", "%files", ""],
  ].join("\n");

/**
 * Builds the packages into a folder and serves their repository below a path.
 * @param options `args`: further arguments of createrepo_c.
 * @returns the address of the repository.
 */
export async function serveRpmRepository(
  server: FileServer,
  path: string,
  folder: string,
  options: {
    readonly packages: readonly RpmSource[];
    readonly args?: readonly string[];
  },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const source of options.packages) {
    const spec = join(folder, `${source.name}.spec`);
    await writeFile(spec, specOf(source));
    const defines = [`_topdir ${folder}/work`, `_rpmdir ${folder}`, "_rpmfilename %{NAME}.rpm"];
    const args = defines.flatMap((define) => ["--define", define]);
    await execa("rpmbuild", ["--quiet", "-bb", "--nodeps", ...args, spec]);
  }
  await execa("createrepo_c", ["--quiet", ...(options.args ?? []), folder]);
  for (const name of await readdir(join(folder, "repodata"))) {
    server.serve(`/${path}/repodata/${name}`, await readFile(join(folder, "repodata", name)));
  }
  return `${server.origin}/${path}/`;
}
