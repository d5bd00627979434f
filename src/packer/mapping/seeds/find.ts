/** Finds the seed that a template gives its guest, by whatever means it does. */
import { dirname, join, resolve } from "node:path";
import type { BlockReader } from "../block.js";
import type { ImageContext } from "../context.js";
import { absolutePath, pathInOption, resultPath } from "../context.js";
import { filesOf, isFolder } from "../host-files.js";
import type { TextKind } from "../keep.js";
import { isPlainObject, textOf } from "../plain.js";
import type { Plain } from "../plain.js";
import type { ArgumentFacts } from "../qemu/argument-facts.js";
import { isContextDisk, isNoCloud } from "./made-media.js";
import type { Medium, MediumFiles } from "./made-media.js";

/** Seed as the section `seed` has it. */
export interface FoundSeed {
  readonly seed: { readonly [key: string]: Plain };
  /** Options that it came from. */
  readonly options: readonly string[];
  /** What it came from, for the report. */
  readonly text: string;
  /** Image that contained it, as an argument of QEMU names it. */
  readonly image?: string;
}

/** Files of a CD that options describe. */
export async function cdFiles(
  reader: BlockReader,
  context: ImageContext,
  kind: TextKind,
): Promise<MediumFiles> {
  const named = await filesOf(reader.texts("cd_files"), context.template.cwd);
  const content = reader.json("cd_content", kind);
  const written = isPlainObject(content) ? Object.entries(content) : [];
  return new Map<string, { path: string } | { content: string }>([
    ...named.map(({ name, path }) => [name, { path }] as const),
    ...written.map(
      ([name, text]) => [name.replace(/^\/+/, ""), { content: textOf(text) ?? "" }] as const,
    ),
  ]);
}

/** Files of a NoCloud seed that vmbuild writes itself, or that it has no field for. */
function remark(files: MediumFiles): string {
  const others = [...files.keys()].filter(
    (name) => !["user-data", "network-config", "meta-data"].includes(name),
  );
  const left = others.length === 0 ? "" : `; ${others.join(", ")} are not part of vmbuild's seed`;
  return files.has("meta-data") ? `; vmbuild writes meta-data itself${left}` : left;
}

/** Names of a NoCloud seed's files on its disk, and the fields of the section `seed`. */
export const SEED_FILES = [
  ["user-data", "userData"],
  ["network-config", "networkConfig"],
] as const;

function seedOfFiles(
  files: MediumFiles,
  context: ImageContext,
  { options, what }: { readonly options: readonly string[]; readonly what: string },
): FoundSeed {
  const seed = Object.fromEntries(
    SEED_FILES.flatMap(([name, key]): [string, Plain][] => {
      const file = files.get(name);
      if (file === undefined) return [];
      const value = "path" in file ? relativePath(context, file.path) : { content: file.content };
      return [[key, value]];
    }),
  );
  return { seed, options, text: `seed (${what})${remark(files)}` };
}

function relativePath(context: ImageContext, path: string): string {
  return resultPath(context, pathInOption(context, path));
}

function contextSeed(options: readonly string[]): FoundSeed {
  const text =
    "seed.kind opennebula: vmbuild makes a CONTEXT disk with the network and the build's key; " +
    "add variables to seed.context if the steps need others";
  return { seed: { kind: "opennebula" }, options, text };
}

/** Places of a user-data file beside a seed image that something else makes. */
async function guessedUserData(image: string, context: ImageContext): Promise<string | undefined> {
  const { cwd, folder } = context.template;
  const folders = [...new Set([dirname(absolutePath(context, image)), cwd, folder])];
  const names = [
    ...["user-data", "cloud-init/user-data", "user-data.yaml", "user-data.yml"],
    "user-data-cloudimg",
  ];
  for (const path of folders.flatMap((one) => names.map((name) => join(one, name)))) {
    if ((await isFolder(path)) === false) return path;
  }
  return undefined;
}

/** Returns whether the name of an image says that it is a seed. */
const looksLikeSeed = (path: string): boolean =>
  /cidata|cloud-?init|seed|user-?data|nocloud|cloud[-_.]?(?:img|config|ds|localds)/i.test(path);

async function seedOfCd(image: string, context: ImageContext): Promise<FoundSeed | undefined> {
  const options = ["qemuargs"];
  const medium: Medium | undefined = context.media.get(absolutePath(context, image));
  if (medium && isContextDisk(medium)) return contextSeed(options);
  if (medium && isNoCloud(medium)) {
    return seedOfFiles(medium.files, context, { options, what: `the files of ${image}` });
  }
  if (/context[^/]*\.iso$/i.test(image)) return contextSeed(options);
  if (!looksLikeSeed(image)) return undefined;
  const path = await guessedUserData(image, context);
  if (path === undefined) return undefined;
  const what = `the user-data beside ${image}; check that it is what the image contains`;
  return seedOfFiles(new Map([["user-data", { path }]]), context, { options, what });
}

async function seedOfAddress(
  address: string,
  reader: BlockReader,
  context: ImageContext,
): Promise<FoundSeed | undefined> {
  const path = address
    .replace(/\$\{http\.(?:url|address)\}/, "")
    .replace(/^https?:\/\/[^/]*/, "")
    .replace(/^\/+|\/+$/g, "");
  const options = ["qemuargs", "http_directory", "http_content"];
  const content = reader.json("http_content");
  if (isPlainObject(content)) {
    const entries = Object.entries(content).map(
      ([name, text]) => [name.replace(/^\/+/, ""), { content: textOf(text) ?? "" }] as const,
    );
    const inside = entries.flatMap(([name, file]) => {
      const prefix = path === "" ? "" : `${path}/`;
      return name.startsWith(prefix) ? [[name.slice(prefix.length), file] as const] : [];
    });
    const files = new Map(inside);
    if (files.has("user-data"))
      return seedOfFiles(files, context, { options, what: "http_content" });
  }
  const directory = reader.text("http_directory");
  if (directory === undefined) return undefined;
  const folder = resolve(absolutePath(context, directory), path);
  const names = ["user-data", "network-config", "meta-data"];
  const found = new Map<string, { path: string }>();
  for (const name of names) {
    if ((await isFolder(join(folder, name))) === false)
      found.set(name, { path: join(folder, name) });
  }
  if (!found.has("user-data")) found.set("user-data", { path: join(folder, "user-data") });
  return seedOfFiles(found, context, { options, what: `the files of ${directory}` });
}

/** Finds the seed; undefined where the template gives none. */
export async function findSeed(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): Promise<FoundSeed | undefined> {
  const files = await cdFiles(reader, context, "plain");
  const label = reader.text("cd_label");
  if (files.size > 0) {
    const options = ["cd_files", "cd_content", "cd_label"];
    if (label?.toUpperCase() === "CONTEXT") return contextSeed(options);
    if (label?.toLowerCase() === "cidata") {
      return seedOfFiles(files, context, { options, what: "the files of the CD cidata" });
    }
  }
  for (const image of [...facts.cds, ...facts.disks.map(({ file }) => file)]) {
    const found = await seedOfCd(image, context);
    if (found) return { ...found, image };
  }
  if (facts.seedAddress !== undefined) return seedOfAddress(facts.seedAddress, reader, context);
  if (facts.ignition !== undefined) {
    const seed = { kind: "ignition", config: resultPath(context, facts.ignition) };
    return { seed, options: ["qemuargs"], text: "seed.config (Ignition)" };
  }
  return undefined;
}
