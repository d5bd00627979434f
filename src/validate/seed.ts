/** Checks the seed of a template. */
import { asVmbuildError } from "../errors.js";
import { seedFiles, seedSecrets } from "../seed/registry.js";
import type { SeedFile } from "../seed/kind.js";
import type { Collector } from "./findings.js";
import { checkFile, displayPath } from "./files.js";
import { checkSecret } from "./secrets.js";

/** Checks that the files of the seed exist and are valid, and warns about secrets in the template. */
export async function checkSeed(collector: Collector): Promise<void> {
  const { template } = collector;
  const { folder, seed, ssh } = template;
  for (const { key, text } of seedSecrets(seed)) {
    checkSecret(collector, ["seed", ...key], { text, name: "the value" });
  }
  for (const file of seedFiles(seed, { folder, user: ssh.user })) {
    await checkSeedFile(collector, file);
  }
}

/** YAML's messages continue with an excerpt of the source. */
const firstLine = (text: string): string => text.split("\n")[0] ?? "";

async function checkSeedFile(collector: Collector, { key, path, review }: SeedFile): Promise<void> {
  const place = ["seed", key];
  if (path !== undefined && !(await checkFile(collector, place, path, "file"))) return;
  const name = path === undefined ? `seed.${key}` : displayPath(path);
  try {
    for (const { level, message } of await review(name)) {
      if (level === "problem") collector.problem(place, message);
      else if (level === "warning") collector.warning(place, message);
      else collector.note(message);
    }
  } catch (thrown) {
    const { message, lines } = asVmbuildError(thrown);
    collector.problem(place, [message, ...lines.map(firstLine)].join(": "));
  }
}
