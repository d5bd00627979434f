/** Checks the seed files that a template brings. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseDocument } from "yaml";
import { asVmbuildError } from "../errors.js";
import { parseUserData } from "../seed/nocloud.js";
import type { Collector } from "./findings.js";
import { checkFile, shown } from "./files.js";

/** Checks that user-data and network-config are there and can be understood. */
export async function checkSeed(collector: Collector): Promise<void> {
  const { folder, seed } = collector.template;
  if (seed.userData !== undefined) {
    await checkUserData(collector, resolve(folder, seed.userData));
  }
  if (seed.networkConfig !== undefined) {
    await checkNetworkConfig(collector, resolve(folder, seed.networkConfig));
  }
}

/** YAML's messages go on with a picture of the place. */
const firstLine = (text: string): string => text.split("\n")[0] ?? "";

async function checkUserData(collector: Collector, path: string): Promise<void> {
  const place = ["seed", "userData"];
  if (!(await checkFile(collector, place, path, "file"))) return;
  try {
    parseUserData(await readFile(path, "utf8"), shown(path));
  } catch (thrown) {
    const { message, lines } = asVmbuildError(thrown);
    collector.problem(place, [message, ...lines.map(firstLine)].join(": "));
  }
}

async function checkNetworkConfig(collector: Collector, path: string): Promise<void> {
  const place = ["seed", "networkConfig"];
  if (!(await checkFile(collector, place, path, "file"))) return;
  for (const error of parseDocument(await readFile(path, "utf8")).errors) {
    collector.problem(place, `${shown(path)} is not YAML: ${firstLine(error.message)}`);
  }
}
