/** Checks what steps refer to: their files, and the syntax of their scripts and shell texts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { statIfThere } from "../../host/files.js";
import type { LocalSource } from "../../steps/action.js";
import { interpreterOf } from "../../steps/interpreter.js";
import type { JsonPath } from "../../template/document.js";
import type { Template } from "../../template/load.js";
import type { Step } from "../../template/schema.js";
import type { Collector } from "./findings.js";
import { awaitedInput, checkFile, shown } from "./files.js";
import { checkSyntax } from "./syntax.js";
import { shellTextsOf } from "./texts.js";

/** Programs are short-lived; so many at a time. */
const AT_ONCE = 4;

/** Checks all steps, a few things at a time, in the order in which they are reported. */
export async function checkSteps(collector: Collector): Promise<void> {
  const works = collector.template.steps.flatMap((step, index) => worksOf(collector, step, index));
  for (let at = 0; at < works.length; at += AT_ONCE) {
    collector.signal.throwIfAborted();
    await Promise.all(works.slice(at, at + AT_ONCE).map((work) => work()));
  }
}

/**
 * Checks that what these steps read on the host is there, and nothing else.
 * @param from the index of the first, from 0.
 * @param to the index after the last.
 */
export async function checkSources(collector: Collector, from: number, to: number): Promise<void> {
  for (const { step, place, source, madeLater } of sourcesOf(collector.template)) {
    if (step < from || step >= to) continue;
    await checkSource(collector, place, source, madeLater);
  }
}

/** A file or folder that an action reads. */
interface NamedSource {
  /** The step's index, from 0. */
  readonly step: number;
  readonly place: JsonPath;
  readonly source: LocalSource;
  /** An earlier action may make it on the host: it need not be there yet. */
  readonly madeLater: boolean;
}

function sourcesOf({ steps, folder }: Template): NamedSource[] {
  let madeLater = false;
  return steps.flatMap((step, index) =>
    step.actions.flatMap((action, number) => {
      const { type, value } = action;
      const place = ["steps", index, "actions", number, type.name];
      const sources = type.sources(value as never, folder);
      const named = sources.map((source) => ({ step: index, place, source, madeLater }));
      madeLater ||= type.name === "local";
      return named;
    }),
  );
}

function worksOf(collector: Collector, step: Step, index: number): (() => Promise<void>)[] {
  const place: JsonPath = ["steps", index];
  const sources = sourcesOf(collector.template).filter((named) => named.step === index);
  const read = sources.map((named) => async () => {
    if (await checkSource(collector, named.place, named.source, named.madeLater)) {
      await checkScript(collector, named.place, named.source);
    }
  });
  const actions = step.actions.flatMap((action, number) =>
    shellTextsOf(action).map(({ key, text, shell }) => async () => {
      await checkSyntax(collector, [...place, "actions", number, ...key], [shell], { text });
    }),
  );
  const verify = step.verify.map((text, number) => async () => {
    await checkSyntax(collector, [...place, "verify", number], ["/bin/sh"], { text });
  });
  return [...read, ...actions, ...verify];
}

/** @returns whether it is there and can be looked into. */
async function checkSource(
  collector: Collector,
  place: JsonPath,
  source: LocalSource,
  madeLater: boolean,
): Promise<boolean> {
  const path = resolve(source.path);
  const input = await awaitedInput(collector, path);
  if (input !== undefined) {
    collector.note(`the input ${input} is not here yet: what lies in it is not checked`);
    return false;
  }
  if (madeLater && source.kind === "tree" && !(await statIfThere(path))) {
    collector.note(`${shown(path)} is not there; an earlier local action may make it`);
    return false;
  }
  return checkFile(collector, place, path, source.kind === "file" ? "file" : "any");
}

async function checkScript(
  collector: Collector,
  place: JsonPath,
  source: LocalSource,
): Promise<void> {
  if (!source.script) return;
  const path = resolve(source.path);
  const content = await readFile(path);
  if (!content.subarray(0, 2).equals(Buffer.from("#!"))) {
    collector.warning(place, `${shown(path)} does not begin with #!; it will run with /bin/sh`);
  }
  if (content.includes("\r\n")) {
    collector.warning(place, `${shown(path)} has line ends of Windows (CRLF)`);
  }
  await checkSyntax(collector, place, interpreterOf(content), { path });
}
