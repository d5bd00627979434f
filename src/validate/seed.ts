/** Checks the seed files of a template. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseDocument } from "yaml";
import { asVmbuildError } from "../errors.js";
import { loadUserData } from "../seed/nocloud.js";
import { reviewUserData } from "../seed/review.js";
import type { Collector } from "./findings.js";
import { checkFile, displayPath } from "./files.js";

const PLACE = ["seed", "userData"];

/** Checks that user-data and network-config exist and are valid. */
export async function checkSeed(collector: Collector): Promise<void> {
  const { folder, seed } = collector.template;
  if (seed.userData !== undefined) {
    await checkUserData(collector, resolve(folder, seed.userData));
  }
  if (seed.networkConfig !== undefined) {
    await checkNetworkConfig(collector, resolve(folder, seed.networkConfig));
  }
}

/** YAML's messages continue with an excerpt of the source. */
const firstLine = (text: string): string => text.split("\n")[0] ?? "";

async function checkUserData(collector: Collector, path: string): Promise<void> {
  if (!(await checkFile(collector, PLACE, path, "file"))) return;
  const name = displayPath(path);
  try {
    const { user } = collector.template.ssh;
    for (const { level, message } of reviewUserData(await loadUserData(path, name), user)) {
      if (level === "problem") collector.problem(PLACE, `${name}: ${message}`);
      else if (level === "warning") collector.warning(PLACE, `${name}: ${message}`);
      else collector.note(`${name}: ${message}`);
    }
  } catch (thrown) {
    const { message, lines } = asVmbuildError(thrown);
    collector.problem(PLACE, [message, ...lines.map(firstLine)].join(": "));
  }
}

async function checkNetworkConfig(collector: Collector, path: string): Promise<void> {
  const place = ["seed", "networkConfig"];
  if (!(await checkFile(collector, place, path, "file"))) return;
  const text = await readFile(path, "utf8");
  for (const error of parseDocument(text, { version: "1.1", uniqueKeys: false }).errors) {
    collector.problem(place, `${displayPath(path)} is not YAML: ${firstLine(error.message)}`);
  }
}
