/**
 * Checks the files of the acceptance section (its certificates) and the syntax of its shell texts.
 */
import { resolve } from "node:path";
import type { Check } from "../acceptance/check-schema.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";
import { checkFile } from "./files.js";
import { checkLineEndings } from "./line-endings.js";
import { checkSyntax } from "./syntax.js";

async function checkCommands(
  collector: Collector,
  checks: readonly Check[],
  place: JsonPath,
): Promise<void> {
  for (const [index, check] of checks.entries()) {
    if (!("run" in check)) continue;
    const text = check.run.join("\n");
    const at = [...place, "checks", index, "run"];
    const interpreter = ["/bin/sh"];
    const checked = { name: "the text", parts: check.run, interpreter };
    if (!checkLineEndings(collector, at, checked)) continue;
    await checkSyntax(collector, at, interpreter, { text });
  }
}

/** Checks the section, if there is one. */
export async function checkAcceptance(collector: Collector): Promise<void> {
  const { acceptance, folder } = collector.template;
  if (!acceptance) return;
  const { ca } = acceptance.endpoint;
  if (ca !== undefined) {
    const place = ["acceptance", "endpoint", "ca"];
    await checkFile(collector, place, resolve(folder, ca), "file");
  }
  await checkCommands(collector, acceptance.checks, ["acceptance"]);
  for (const [index, { checks }] of acceptance.rounds.entries()) {
    await checkCommands(collector, checks, ["acceptance", "rounds", index]);
  }
}
