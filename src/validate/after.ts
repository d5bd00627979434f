/** Checks the syntax of the commands that run when the image is published. */
import type { Collector } from "./findings.js";
import { checkLineEndings } from "./line-endings.js";
import { checkSyntax } from "./syntax.js";

const INTERPRETER = ["/bin/bash"];

/** Checks the section. */
export async function checkAfter(collector: Collector): Promise<void> {
  for (const [index, { run }] of collector.template.after.entries()) {
    const place = ["after", index, "run"];
    const checked = { name: "the text", parts: run, interpreter: INTERPRETER };
    if (!checkLineEndings(collector, place, checked)) continue;
    await checkSyntax(collector, place, INTERPRETER, { text: run.join("\n") });
  }
}
