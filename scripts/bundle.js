#!/usr/bin/env node
/**
 * Bundles the commands with the packages that they load at every start: a start reads some ten
 * files in place of about a thousand. Writes dist/bin/, with the licenses of these packages.
 */
import { chmodSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = join(root, "dist/bin");

/**
 * Packages that stay outside: those with files of their own that are found by their place, and large
 * ones that few commands load.
 */
const OUTSIDE = /^(?:ssh2|json-p3|@aws-sdk\/|@octokit\/|@opentelemetry\/)/;

/** Returns the name, version and license text of a package in a folder. */
function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)\b/i.test(entry));
  const text =
    file === undefined ? `License: ${license}` : readFileSync(join(folder, file), "utf8");
  return `${name} ${version}\n\n${text.trim()}\n`;
}

/** Returns the folders of the packages from which modules were bundled. */
function bundledPackages(chunks) {
  const modules = chunks.flatMap(({ modules = {} }) => Object.keys(modules));
  const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
  return [...new Set(folders)].toSorted((one, other) => one.localeCompare(other, "en"));
}

rmSync(output, { recursive: true, force: true });
const build = await rolldown({
  cwd: root,
  input: {
    vmbuild: "src/cli/main.ts",
    "vmbuild-packer": "src/cli/packer-shim/main.ts",
  },
  platform: "node",
  external: OUTSIDE,
  // Of packages with a CommonJS and an ES module, the latter can be bundled.
  resolve: { mainFields: ["module", "main"] },
  transform: { target: "node20" },
});
const { output: chunks } = await build.write({
  dir: output,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await build.close();
const licenses = bundledPackages(chunks).map(licenseOf);
writeFileSync(join(output, "licenses.txt"), licenses.join(`\n${"-".repeat(72)}\n\n`));
for (const name of ["vmbuild.js", "vmbuild-packer.js"]) chmodSync(join(output, name), 0o755);
