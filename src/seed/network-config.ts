/** Reviews a network-config file for cloud-init. */
import { parseDocument } from "yaml";
import type { Remark } from "./review.js";

/**
 * Reports errors of syntax; cloud-init ignores a file that is not YAML.
 * @param name the name in messages.
 */
export function reviewNetworkConfig(content: Buffer, name: string): Remark[] {
  const { errors } = parseDocument(content.toString("utf8"), { version: "1.1", uniqueKeys: false });
  // YAML's messages continue with an excerpt of the source.
  return errors.map(({ message }) => ({
    level: "problem",
    message: `${name} is not YAML: ${message.split("\n")[0] ?? ""}`,
  }));
}
