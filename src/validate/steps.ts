/** Checks the files of steps, and the syntax of their scripts and shell texts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { statIfThere } from "../host/files.js";
import type { LocalSource, ShellText } from "../steps/action.js";
import { interpreterOf } from "../steps/interpreter.js";
import type { ParsedAction } from "../steps/registry.js";
import type { JsonPath } from "../template/document.js";
import type { Template } from "../template/load.js";
import type { Collector } from "./findings.js";
import { pendingInput, checkFile, displayPath } from "./files.js";
import { checkLineEndings } from "./line-endings.js";
import { checkSyntax } from "./syntax.js";

/** Number of programs that run at the same time. */
const CONCURRENCY = 4;

/** Check that reports to a collector of its own. */
type Check = (collector: Collector) => Promise<void>;

/** Checks all steps, a few at a time. Findings are reported in the order of the template. */
export async function checkSteps(collector: Collector): Promise<void> {
  const actions = placedActions(collector.template);
  const checks = collector.template.steps.flatMap((step, index) => [
    ...actions
      .filter((action) => action.step === index)
      .flatMap((one) => checksOf(collector.template, one)),
    ...(step.skipIf === undefined ? [] : [commandCheck(["steps", index, "skipIf"], step.skipIf)]),
    ...step.verify.map((text, number) => commandCheck(["steps", index, "verify", number], text)),
  ]);
  for (let at = 0; at < checks.length; at += CONCURRENCY) {
    collector.signal.throwIfAborted();
    const batch = checks.slice(at, at + CONCURRENCY).map(async (check) => {
      const own = collector.fork();
      await check(own);
      return own;
    });
    for (const own of await Promise.all(batch)) collector.add(own);
  }
}

/** Returns the check of a command that the guest's /bin/sh runs. */
function commandCheck(place: JsonPath, text: string): Check {
  const checked = { key: [], text, parts: [text], interpreter: ["/bin/sh"] };
  return (collector) => checkText(collector, place, checked);
}

/** Checks a shell text of the template. */
async function checkText(collector: Collector, at: JsonPath, text: ShellText): Promise<void> {
  const place = [...at, ...text.key];
  const { interpreter } = text;
  const checked = { name: "the text", parts: text.parts, interpreter };
  if (!checkLineEndings(collector, place, checked)) return;
  await checkSyntax(collector, place, interpreter, { text: text.text });
}

/** Reports an action's scripts and texts with Windows line endings. */
async function checkReadable(
  collector: Collector,
  { place, action }: PlacedAction,
  scripts: readonly LocalSource[],
): Promise<void> {
  for (const { key, parts, interpreter } of action.type.shellTexts(action.value as never)) {
    checkLineEndings(collector, [...place, ...key], {
      name: "the text",
      parts,
      interpreter,
    });
  }
  for (const { path, interpreter } of scripts) {
    const content = await readFile(path);
    const checked = {
      name: displayPath(path),
      parts: [content],
      interpreter: interpreter ?? interpreterOf(content),
    };
    checkLineEndings(collector, [...place, action.type.name], checked);
  }
}

/**
 * Checks that the host's files that these steps read exist, and that their shells can read them.
 * @param from the index of the first step, from 0.
 * @param to the index after the last step.
 */
export async function checkSources(collector: Collector, from: number, to: number): Promise<void> {
  for (const placed of placedActions(collector.template)) {
    if (placed.step < from || placed.step >= to) continue;
    const scripts: LocalSource[] = [];
    for (const source of sourcesOf(collector.template, placed)) {
      const there = await checkSource(collector, placed, source);
      if (there && source.script) scripts.push(source);
    }
    await checkReadable(collector, placed, scripts);
  }
}

/** Action and its place. */
interface PlacedAction {
  /** Index of the step, from 0. */
  readonly step: number;
  readonly place: JsonPath;
  readonly action: ParsedAction;
  /** True when an earlier action on the host may create files that this one reads. */
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

const sourcesOf = ({ folder }: Template, { action }: PlacedAction): readonly LocalSource[] =>
  action.type.sources(action.value as never, folder);

function checksOf(template: Template, placed: PlacedAction): Check[] {
  const { place, action } = placed;
  return [
    ...sourcesOf(template, placed).map((source): Check => async (collector) => {
      if (await checkSource(collector, placed, source)) {
        await checkScript(collector, placed, source);
      }
    }),
    async (collector) => {
      for (const message of await action.type.warnings(action.value as never, template.folder)) {
        collector.warning([...place, action.type.name], message);
      }
    },
    ...action.type.shellTexts(action.value as never).map(
      (text): Check =>
        (collector) =>
          checkText(collector, place, text),
    ),
  ];
}

/**
 * Checks a file.
 * @returns whether it exists and can be read.
 */
async function checkSource(
  collector: Collector,
  { place, action, madeLater }: PlacedAction,
  source: LocalSource,
): Promise<boolean> {
  const path = resolve(source.path);
  const input = await pendingInput(collector, path);
  if (input !== undefined) {
    collector.note(`the input ${input} has not been fetched; its content was not checked`);
    return false;
  }
  if (madeLater && source.script !== true && !(await statIfThere(path))) {
    collector.note(`${displayPath(path)} does not exist; an earlier local action may create it`);
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
  if (!source.interpreter && !content.subarray(0, 2).equals(Buffer.from("#!"))) {
    collector.warning(
      place,
      `${displayPath(path)} does not begin with #!; it will be run with /bin/sh`,
    );
  }
  const interpreter = source.interpreter ?? interpreterOf(content);
  const checked = { name: displayPath(path), parts: [content], interpreter };
  if (!checkLineEndings(collector, place, checked)) return;
  await checkSyntax(collector, place, interpreter, { path });
}
