/** vmbuild's own version, from package.json. */
import { readFileSync } from "node:fs";
import { packageFile } from "./host/package-files.js";

/** Such as `0.1.0`. */
export function vmbuildVersion(): string {
  const text = readFileSync(packageFile("package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
