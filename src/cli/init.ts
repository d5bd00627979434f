/**
 * Implements `vmbuild init`: creates the folder of a new appliance, which validates and builds
 * without changes.
 */
import { readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { identifier } from "../fields.js";
import { makeFolder, statIfThere } from "../host/files.js";
import { PACKAGE_ROOT, packageFile } from "../host/package-files.js";
import { shellQuote } from "../host/programs.js";
import { newAppliance } from "./init-files.js";
import { createOutput } from "./output.js";
import { shortPath } from "./short-path.js";
import { alignRows, indent } from "./table.js";

/** Flags of the command. */
export interface InitFlags {
  readonly dir?: string;
}

/** Returns the path of vmbuild's own schema if the appliance is in the same tree as vmbuild. */
async function schemaFor(folder: string): Promise<string | undefined> {
  const schema = packageFile("schemas/template.schema.json");
  const isInside = !relative(PACKAGE_ROOT, folder).startsWith("..");
  return isInside && (await statIfThere(schema)) ? relative(folder, schema) : undefined;
}

function folderOf(name: string, flags: InitFlags): string {
  const here = process.cwd();
  const inAppliances = basename(here) === "appliances";
  return resolve(flags.dir ?? (inAppliances ? here : "appliances"), name);
}

/**
 * Runs the command; returns the exit code.
 * @throws {VmbuildError} USAGE for an invalid name, or a folder that is not empty.
 */
export async function init(name: string, flags: InitFlags): Promise<number> {
  const output = createOutput();
  const parsed = identifier.safeParse(name);
  if (!parsed.success) {
    const message = parsed.error.issues[0]?.message ?? "not a name";
    throw new VmbuildError("USAGE", `${JSON.stringify(name)}: ${message}`);
  }
  const folder = folderOf(name, flags);
  if ((await statIfThere(folder)) && (await readdir(folder)).length > 0) {
    throw new VmbuildError("USAGE", `${shortPath(folder)} already exists and is not empty`, {
      hint: "Use another name, or remove the folder.",
    });
  }
  await makeFolder(folder);
  const files = newAppliance(name, await schemaFor(folder));
  for (const { path, content, mode } of files) {
    // `wx`: a file that was created meanwhile is not overwritten.
    await writeFile(join(folder, path), content, { mode, flag: "wx" });
  }
  // A bare name is found only below this folder.
  const found = basename(dirname(folder)) === "appliances" && flags.dir === undefined;
  const what = found ? name : shellQuote(shortPath(join(folder, `${name}.json`)));
  output.print(`Made ${shortPath(folder)}:`);
  output.print(indent(alignRows(files.map(({ path, purpose }) => [path, purpose]))).join("\n"));
  output.print("\nNext:");
  const next = [
    [`vmbuild validate ${what}`, "check the template"],
    [`vmbuild doctor ${what}`, "check this host"],
    [`vmbuild run ${what}`, "build the image"],
  ];
  output.print(indent(alignRows(next)).join("\n"));
  return 0;
}
