/** Checks the syntax of the template's host commands. */
import type { HostSection } from "../template/host-commands.js";
import type { Collector } from "./findings.js";
import { checkLineEndings } from "./line-endings.js";
import { checkSyntax } from "./syntax.js";

const INTERPRETER = ["/bin/bash"];

/** Checks the commands of a section. */
export async function checkHostCommands(collector: Collector, section: HostSection): Promise<void> {
  for (const [index, { run }] of collector.template[section].entries()) {
    const place = [section, index, "run"];
    const checked = { name: "the text", parts: run, interpreter: INTERPRETER };
    if (!checkLineEndings(collector, place, checked)) continue;
    await checkSyntax(collector, place, INTERPRETER, { text: run.join("\n") });
  }
}
