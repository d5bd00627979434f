/** Reviews a network-config file for cloud-init. */
import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import type { Remark } from "./review.js";

/**
 * Reports errors of syntax; cloud-init ignores a file that is not YAML.
 * @param name the name in messages.
 */
export async function reviewNetworkConfig(path: string, name: string): Promise<Remark[]> {
  const text = await readFile(path, "utf8");
  const { errors } = parseDocument(text, { version: "1.1", uniqueKeys: false });
  // YAML's messages continue with an excerpt of the source.
  return errors.map(({ message }) => ({
    level: "problem",
    message: `${name} is not YAML: ${message.split("\n")[0] ?? ""}`,
  }));
}
