#!/usr/bin/env node
/**
 * Writes the files that are made from the code: the JSON Schema and the reference pages. Reads the
 * compiled code, so build first.
 *
 *   node scripts/generate.js            write what differs
 *   node scripts/generate.js --check    write nothing; exit 1 when something differs
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generatedFiles } from "../dist/cli/reference/pages.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const isCheck = process.argv.includes("--check");

/** The file's text, or undefined where it is not there. */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

let differing = 0;
for (const [name, content] of generatedFiles()) {
  const path = join(root, name);
  if (read(path) === content) continue;
  differing++;
  if (isCheck) {
    console.error(`${name} is not up to date: run npm run generate`);
    continue;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  console.log(`wrote ${name}`);
}
process.exitCode = isCheck && differing > 0 ? 1 : 0;
