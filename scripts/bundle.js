#!/usr/bin/env node
/**
 * Bundles the commands with the packages that they load at every start: a start reads some ten
 * files in place of about a thousand. Writes dist/bin/.
 */
import { chmodSync, rmSync } from "node:fs";
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
await build.write({
  dir: output,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await build.close();
for (const name of ["vmbuild.js", "vmbuild-packer.js"]) chmodSync(join(output, name), 0o755);
