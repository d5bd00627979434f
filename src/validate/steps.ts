/** Checks what steps refer to: their files, and the syntax of their scripts and shell texts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { statIfThere } from "../host/files.js";
import type { LocalSource, ShellText } from "../steps/action.js";
import { interpreterOf } from "../steps/interpreter.js";
import type { ParsedAction } from "../steps/registry.js";
import type { JsonPath } from "../template/document.js";
import type { Template } from "../template/load.js";
import type { Collector } from "./findings.js";
import { awaitedInput, checkFile, shown } from "./files.js";
import { checkLineEnds } from "./line-ends.js";
import { checkSyntax } from "./syntax.js";

/** Programs are short-lived; so many at a time. */
const AT_ONCE = 4;

/** Checks all steps, a few things at a time, in the order in which they are reported. */
export async function checkSteps(collector: Collector): Promise<void> {
  const actions = placedActions(collector.template);
  const works = collector.template.steps.flatMap((step, index) => [
    ...actions.filter((action) => action.step === index).flatMap((one) => worksOf(collector, one)),
    ...step.verify.map((text, number) => () => {
      const place = ["steps", index, "verify", number];
      return checkText(collector, place, { key: [], text, parts: [text], shell: "/bin/sh" });
    }),
  ]);
  for (let at = 0; at < works.length; at += AT_ONCE) {
    collector.signal.throwIfAborted();
    await Promise.all(works.slice(at, at + AT_ONCE).map((work) => work()));
  }
}

/** Checks a text of the template that a shell will read. */
async function checkText(collector: Collector, at: JsonPath, text: ShellText): Promise<void> {
  const place = [...at, ...text.key];
  const interpreter = [text.shell];
  const checked = { name: "the text", parts: text.parts, interpreter };
  if (!checkLineEnds(collector, place, checked)) return;
  await checkSyntax(collector, place, interpreter, { text: text.text });
}

/** Reports what a shell cannot read: an action's scripts and texts with line ends of Windows. */
async function checkReadable(
  collector: Collector,
  { place, action }: PlacedAction,
  scripts: readonly LocalSource[],
): Promise<void> {
  for (const { key, parts, shell } of action.type.shellTexts(action.value as never)) {
    checkLineEnds(collector, [...place, ...key], { name: "the text", parts, interpreter: [shell] });
  }
  for (const { path } of scripts) {
    const content = await readFile(path);
    const checked = { name: shown(path), parts: [content], interpreter: interpreterOf(content) };
    checkLineEnds(collector, [...place, action.type.name], checked);
  }
}

/**
 * Checks that what these steps read on the host is there, and that their shells can read it.
 * @param from the index of the first, from 0.
 * @param to the index after the last.
 */
export async function checkSources(collector: Collector, from: number, to: number): Promise<void> {
  for (const placed of placedActions(collector.template)) {
    if (placed.step < from || placed.step >= to) continue;
    const scripts: LocalSource[] = [];
    for (const source of sourcesOf(collector, placed)) {
      const there = await checkSource(collector, placed, source);
      if (there && source.script) scripts.push(source);
    }
    await checkReadable(collector, placed, scripts);
  }
}

/** An action and where it stands. */
interface PlacedAction {
  /** The step's index, from 0. */
  readonly step: number;
  readonly place: JsonPath;
  readonly action: ParsedAction;
  /** An earlier action may make on the host what this one reads: it need not be there yet. */
  readonly madeLater: boolean;
}

function placedActions({ steps }: Template): PlacedAction[] {
  let madeLater = false;
  return steps.flatMap((step, index) =>
    step.actions.map((action, number) => {
      const placed = { step: index, place: ["steps", index, "actions", number], action, madeLater };
      madeLater ||= action.type.runsOn === "host";
      return placed;
    }),
  );
}

const sourcesOf = ({ template }: Collector, { action }: PlacedAction): readonly LocalSource[] =>
  action.type.sources(action.value as never, template.folder);

function worksOf(collector: Collector, placed: PlacedAction): (() => Promise<void>)[] {
  const { place, action } = placed;
  return [
    ...sourcesOf(collector, placed).map((source) => async () => {
      if (await checkSource(collector, placed, source)) {
        await checkScript(collector, placed, source);
      }
    }),
    async () => {
      const { folder } = collector.template;
      for (const message of await action.type.warnings(action.value as never, folder)) {
        collector.warning([...place, action.type.name], message);
      }
    },
    ...action.type
      .shellTexts(action.value as never)
      .map((text) => () => checkText(collector, place, text)),
  ];
}

/** @returns whether it is there and can be looked into. */
async function checkSource(
  collector: Collector,
  { place, action, madeLater }: PlacedAction,
  source: LocalSource,
): Promise<boolean> {
  const path = resolve(source.path);
  const input = await awaitedInput(collector, path);
  if (input !== undefined) {
    collector.note(`the input ${input} has not been fetched; its content was not checked`);
    return false;
  }
  if (madeLater && source.kind === "tree" && !(await statIfThere(path))) {
    collector.note(`${shown(path)} does not exist; an earlier local action may create it`);
    return false;
  }
  const kind = source.kind === "file" ? "file" : "any";
  return checkFile(collector, [...place, action.type.name], path, kind);
}

async function checkScript(
  collector: Collector,
  { place: at, action }: PlacedAction,
  source: LocalSource,
): Promise<void> {
  if (!source.script) return;
  const place = [...at, action.type.name];
  const path = resolve(source.path);
  const content = await readFile(path);
  if (!content.subarray(0, 2).equals(Buffer.from("#!"))) {
    collector.warning(place, `${shown(path)} does not begin with #!; it will be run with /bin/sh`);
  }
  const interpreter = interpreterOf(content);
  const checked = { name: shown(path), parts: [content], interpreter };
  if (!checkLineEnds(collector, place, checked)) return;
  await checkSyntax(collector, place, interpreter, { path });
}
