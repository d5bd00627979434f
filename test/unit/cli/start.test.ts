/** Packages that are loaded before a command starts, and so by `vmbuild --version` and `--help`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

/** Collects the packages that a file and all that it imports statically load. */
function packagesOf(file: string, packages: Set<string>, seen: Set<string>): Set<string> {
  if (seen.has(file)) return packages;
  seen.add(file);
  const imports = readFileSync(file, "utf8").matchAll(
    /^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)";$/gm,
  );
  for (const [, target = ""] of imports) {
    if (target.startsWith("node:")) continue;
    if (!target.startsWith(".")) packages.add(target);
    else packagesOf(join(dirname(file), target.replace(/\.js$/, ".ts")), packages, seen);
  }
  return packages;
}

it("is the parser of the command line, and no other package", () => {
  expect(existsSync(main)).toBe(true);
  expect([...packagesOf(main, new Set(), new Set())]).toEqual(["@commander-js/extra-typings"]);
});
