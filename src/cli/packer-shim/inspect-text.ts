/** Renders what `packer inspect` prints of a template. */
import { numberText, isList, isMap } from "../../packer/eval/values.js";
import type { PackerBlock, PackerBuild, PackerTemplate, Value } from "../../packer/model.js";

/** Formats a value over several lines, as Packer's console does. */
export function valueText(value: Value, isNested = false): string {
  if (typeof value === "string") return isNested ? JSON.stringify(value) : value;
  if (typeof value === "number") return numberText(value);
  if (isList(value)) {
    const lines = value.map((item) => `${indented(valueText(item, true))},\n`);
    return `[${lines.length > 0 ? "\n" : ""}${lines.join("")}]`;
  }
  if (isMap(value)) {
    const lines = [...value].map(
      ([key, item]) => `${indented(`${JSON.stringify(key)} = ${valueText(item, true)}`)}\n`,
    );
    return `{${lines.length > 0 ? "\n" : ""}${lines.join("")}}`;
  }
  return String(value);
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Formats the value of a variable or local in quotes. */
function quotedValue(value: Value | undefined, isSensitive: boolean): string {
  if (value === undefined) return '"<unknown>"';
  return isSensitive ? '"<sensitive>"' : JSON.stringify(valueText(value));
}

function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : Number(a[0] > b[0]);
}

/** Renders variables and locals. */
export function variablesText({ variables, unset, locals }: PackerTemplate): string {
  const inputs = [
    ...variables.map((one) => [one.name, quotedValue(one.value, one.sensitive)] as const),
    ...unset.map((name) => [name, quotedValue(undefined, false)] as const),
  ];
  const own = locals.map((one) => [one.name, quotedValue(one.value, one.sensitive)] as const);
  const lines = (root: string, entries: readonly (readonly [string, string])[]): string =>
    entries
      .toSorted(byName)
      .map(([name, value]) => `${root}.${name}: ${value}\n`)
      .join("");
  return `> input-variables:\n\n${lines("var", inputs)}\n> local-variables:\n\n${lines("local", own)}`;
}

/** Collects the blocks of all sources once, in the order of the file. */
function distinctBlocks(blocks: readonly PackerBlock[]): PackerBlock[] {
  const found = new Map<string, PackerBlock>();
  for (const block of blocks) {
    const { file, line, column } = block.place;
    const key = `${file}:${line}:${column}:${JSON.stringify(block.labels)}`;
    if (!found.has(key)) found.set(key, block);
  }
  return [...found.values()].toSorted(
    (a, b) => a.place.line - b.place.line || a.place.column - b.place.column,
  );
}

/** Returns the types of the provisioners of a build, in order, with their names. */
export function provisionersOf({ sources }: PackerBuild): string[] {
  return distinctBlocks(sources.flatMap(({ provisioners }) => provisioners)).map(typeAndName);
}

function typeAndName({ labels, attributes }: PackerBlock): string {
  const name = attributes.get("name")?.value;
  const type = labels[0] ?? "";
  return typeof name === "string" && name !== "" ? `${type}.${name}` : type;
}

/** Returns the chains of post-processors of a build, without those that appear in an earlier one. */
function chainsOf({ sources }: PackerBuild): string[][] {
  const found = new Map<string, string[]>();
  for (const chain of sources.flatMap(({ postProcessors }) => postProcessors)) {
    const [first] = chain;
    const { file, line, column } = first?.place ?? { file: "", line: 0, column: 0 };
    const key = `${file}:${line}:${column}`;
    if (!found.has(key)) found.set(key, chain.map(typeAndName));
  }
  return [...found.values()];
}

function buildText(build: PackerBuild, index: number): string {
  const { name, description, sources } = build;
  const used = sources.map((source) => `\n      ${source.type}.${source.localName}\n`);
  const provisioners = provisionersOf(build).map((type) => `      ${type}\n`);
  const chains = chainsOf(build).map(
    (chain, at) => `\n      ${at}:\n${chain.map((type) => `        ${type}\n`).join("")}`,
  );
  const orNone = (lines: readonly string[], none: string): string =>
    lines.length > 0 ? lines.join("") : none;
  return [
    `\n  > ${name ?? `<unnamed build ${index}>`}:\n`,
    description === undefined || description === "" ? "" : `\n  > Description: ${description}\n`,
    `\n    sources:\n${orNone(used, "\n      <no source>\n")}`,
    `\n    provisioners:\n\n${orNone(provisioners, "      <no provisioner>\n")}`,
    `\n    post-processors:\n${orNone(chains, "\n      <no post-processor>\n")}`,
  ].join("");
}

/** Renders the builds of a template. */
export function buildsText({ builds }: PackerTemplate): string {
  return `> builds:\n${builds.map(buildText).join("")}`;
}
