/** Writes the files of the community's repository beside an entry, and keeps those of the author. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.js";
import { readIfThere, writeFileAtomic } from "../host/files.js";
import { COMMUNITY_FILES, communityFiles, GENERATED_MARK } from "./community.js";
import type { CommunityFacts } from "./community.js";

/** File beside an entry. `kept` is one that vmbuild did not write, and left as it is. */
export interface CommunityFile {
  readonly path: string;
  readonly state: "written" | "kept";
}

/** Returns the names of the appliance's tests, which are Ruby files. */
async function testsOf(folder: string): Promise<string[]> {
  try {
    const names = await readdir(join(folder, "tests"));
    return names.filter((name) => name.endsWith(".rb")).toSorted();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}

/**
 * Writes `metadata.yaml`, `context.yaml` and `tests.yaml`. A file of that name beside the template is
 * the author's own, and is copied. A file in the target's folder that vmbuild did not write is kept.
 * @param source folder of the template.
 * @param target folder of the entry.
 */
export async function writeCommunityFiles(
  source: string,
  target: string,
  facts: Omit<CommunityFacts, "tests">,
): Promise<CommunityFile[]> {
  const texts = communityFiles({ ...facts, tests: await testsOf(source) });
  const files: CommunityFile[] = [];
  for (const name of COMMUNITY_FILES) {
    const path = join(target, name);
    const text = (await readIfThere(join(source, name))) ?? texts[name];
    const present = await readIfThere(path);
    const isKept = present !== undefined && present !== text && !present.includes(GENERATED_MARK);
    if (!isKept && present !== text) await writeFileAtomic(path, text);
    files.push({ path, state: isKept ? "kept" : "written" });
  }
  return files;
}
