/** Checks what steps refer to: their files, and the syntax of their scripts and shell texts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { statIfThere } from "../../host/files.js";
import type { LocalSource } from "../../steps/action.js";
import { interpreterOf } from "../../steps/interpreter.js";
import type { ParsedAction } from "../../steps/registry.js";
import type { JsonPath } from "../../template/document.js";
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

function worksOf(collector: Collector, step: Step, index: number): (() => Promise<void>)[] {
  const place: JsonPath = ["steps", index];
  const actions = step.actions.flatMap((action, number) => {
    const at = [...place, "actions", number];
    const { type, value } = action;
    const { folder } = collector.template;
    const sources = type.sources(value as never, folder);
    // What an earlier action makes on the host is not there yet.
    const madeLater = collector.template.steps
      .slice(0, index + 1)
      .some((earlier, i) => earlier.actions.slice(0, i < index ? undefined : number).some(isLocal));
    return [
      ...sources.map(
        (source) => () => checkSource(collector, [...at, type.name], source, madeLater),
      ),
      ...shellTextsOf(action).map(({ key, text, shell }) => async () => {
        await checkSyntax(collector, [...at, ...key], [shell], { text });
      }),
    ];
  });
  const verify = step.verify.map((text, number) => async () => {
    await checkSyntax(collector, [...place, "verify", number], ["/bin/sh"], { text });
  });
  return [...actions, ...verify];
}

const isLocal = (action: ParsedAction): boolean => action.type.name === "local";

async function checkSource(
  collector: Collector,
  place: JsonPath,
  source: LocalSource,
  madeLater: boolean,
): Promise<void> {
  const path = resolve(source.path);
  const input = await awaitedInput(collector, path);
  if (input !== undefined) {
    collector.note(`the input ${input} is not here yet: what lies in it is not checked`);
    return;
  }
  if (madeLater && source.kind === "tree" && !(await statIfThere(path))) {
    collector.note(`${shown(path)} is not there; an earlier local action may make it`);
    return;
  }
  const there = await checkFile(collector, place, path, source.kind === "file" ? "file" : "any");
  if (!there || !source.script) return;
  const content = await readFile(path);
  if (!content.subarray(0, 2).equals(Buffer.from("#!"))) {
    collector.warning(place, `${shown(path)} does not begin with #!; it will run with /bin/sh`);
  }
  if (content.includes("\r\n")) {
    collector.warning(place, `${shown(path)} has line ends of Windows (CRLF)`);
  }
  await checkSyntax(collector, place, interpreterOf(content), { path });
}
