/**
 * Recognizes commands that make seed media: cloud-localds, genisoimage, mkisofs, xorriso. Copies of
 * single files are noted, since a template can name the copy: the variable store of a firmware.
 */
import { basename, join, resolve } from "node:path";
import { readdir } from "node:fs/promises";
import { isFolder } from "../host-files.js";
import { withoutSudo } from "../privilege.js";
import { splitCommands, splitWords } from "../shell-words.js";
import type { MadeMedia, Medium } from "./made-media.js";

/** Folder, and text of the files that the template itself writes. */
export interface CommandPlace {
  /** Absolute. */
  readonly folder: string;
  /** Content of files that a `file` builder makes, by absolute path. */
  readonly written: ReadonlyMap<string, string>;
}

/** What commands make, and what else they do. */
export interface MadeByCommands {
  readonly media: MadeMedia;
  /** Files that `cp` makes, and what each is a copy of; absolute paths. */
  readonly copies: ReadonlyMap<string, string>;
  /** Commands that make no medium and prepare none. */
  readonly others: readonly string[];
}

/** Options of the programs that take a value. */
const ISO_VALUES =
  /^-{1,2}(?:o|output|V|volid|A|p|publisher|sysid|input-charset|b|c|e|indev|outdev|volume)$/;
const LOCALDS_VALUES =
  /^(?:-d|--disk-format|-f|--filesystem|-H|--hostname|-i|--interfaces|-N|--network-config|-t|--tar-format|-V|--vendor-data)$/;

/** Programs that only prepare folders and files for a medium, or remove old ones. */
const PREPARATION = /^(?:mkdir|rm|touch|cp|cd|echo|set|test|\[|true|mv|chmod|truncate|printf)$/;

function fileAt(path: string, { folder, written }: CommandPlace) {
  const absolute = resolve(folder, path);
  const content = written.get(absolute);
  return content === undefined ? { path: absolute } : { content };
}

/** Reads the options and the other words of a command. */
function readOptions(words: readonly string[], withValue: RegExp) {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [name = "", inline] = word.startsWith("--") ? word.split(/=(.*)/s) : [word];
    if (!word.startsWith("-")) rest.push(word);
    else if (inline !== undefined) options.set(name, inline);
    else if (withValue.test(word)) options.set(word, words[++at] ?? "");
    else options.set(word, "");
  }
  return { options, rest };
}

function readLocalds(words: readonly string[], place: CommandPlace): [string, Medium] | undefined {
  const { options, rest } = readOptions(words, LOCALDS_VALUES);
  const [output, userData, metaData] = rest;
  if (output === undefined || userData === undefined) return undefined;
  const network = options.get("-N") ?? options.get("--network-config");
  const files = new Map([
    ["user-data", fileAt(userData, place)],
    ...(metaData === undefined ? [] : [["meta-data", fileAt(metaData, place)] as const]),
    ...(network === undefined ? [] : [["network-config", fileAt(network, place)] as const]),
  ]);
  return [resolve(place.folder, output), { label: "cidata", files, isContext: false }];
}

async function readIso(
  words: readonly string[],
  place: CommandPlace,
): Promise<[string, Medium] | undefined> {
  const own = words[0] === "-as" ? words.slice(2) : words;
  const { options, rest } = readOptions(own, ISO_VALUES);
  const pick = (...names: string[]): string | undefined =>
    names.map((name) => options.get(name)).find((value) => value !== undefined);
  const output = pick("-o", "-output", "--output", "-outdev");
  if (output === undefined) return undefined;
  const label = pick("-V", "-volid", "--volid", "-volume");
  const files = new Map<string, ReturnType<typeof fileAt>>();
  for (const word of rest) {
    const [, graft, target] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    const path = target ?? word;
    if ((await isFolder(resolve(place.folder, path))) === true) {
      const names = await readdir(resolve(place.folder, path));
      for (const name of names) files.set(name, fileAt(join(path, name), place));
    } else files.set(basename(graft ?? word), fileAt(path, place));
  }
  for (const path of place.written.keys()) {
    const folder = rest.find((word) => path.startsWith(`${resolve(place.folder, word)}/`));
    if (folder !== undefined) files.set(basename(path), fileAt(path, place));
  }
  const isContext = label?.toUpperCase() === "CONTEXT";
  return [resolve(place.folder, output), { label, files, isContext }];
}

/** Returns the copy that `cp FILE TARGET` makes, and its source; undefined for other forms. */
async function readCopy(
  words: readonly string[],
  { folder }: CommandPlace,
): Promise<[string, string] | undefined> {
  const [from, to, ...more] = words.filter((word) => !word.startsWith("-"));
  if (from === undefined || to === undefined || more.length > 0) return undefined;
  const target = resolve(folder, to);
  const isInto = to.endsWith("/") || (await isFolder(target)) === true;
  return [isInto ? join(target, basename(from)) : target, resolve(folder, from)];
}

/** Reads the commands of shell-local provisioners. */
export async function readIsoCommands(
  lines: readonly string[],
  place: CommandPlace,
): Promise<MadeByCommands> {
  const media = new Map<string, Medium>();
  const copies = new Map<string, string>();
  const others: string[] = [];
  let folder = place.folder;
  const joined = lines.join("\n").replaceAll(/\\\n/g, " ");
  for (const { text } of splitCommands(joined)) {
    const words = splitWords(text);
    const [program = "", ...rest] = withoutSudo(words)?.words ?? words;
    const name = basename(program);
    if (name === "cd" && rest[0] !== undefined) folder = resolve(folder, rest[0]);
    const here = { ...place, folder };
    const copy = name === "cp" ? await readCopy(rest, here) : undefined;
    if (copy) copies.set(...copy);
    const medium =
      name === "cloud-localds"
        ? readLocalds(rest, here)
        : /^(?:genisoimage|mkisofs|xorriso|xorrisofs)$/.test(name)
          ? await readIso(rest, here)
          : undefined;
    if (medium) media.set(...medium);
    else if (!PREPARATION.test(name) && !text.startsWith("#") && !/gen_context/.test(text))
      others.push(text);
  }
  return { media, copies, others: media.size === 0 ? lines : others };
}
