/** Implements `vmbuild inspect`: shows what a run would do, without doing it. */
import { inspectTemplate } from "../inspect/inspect.js";
import { inspectOrigins } from "../inspect/origins.js";
import { createOutput } from "./output.js";
import { interruptible } from "./interrupt.js";
import { loadAllFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import type { Output } from "./output.js";
import type { Template } from "../template/load.js";
import { renderInspection } from "./inspect-text.js";
import { renderOrigins } from "./origins-text.js";

/** Flags of the command. */
export interface InspectFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly probe?: boolean;
  readonly origin?: boolean;
  readonly json?: boolean;
}

/** Shows where the values of templates came from; returns the exit code. */
function showOrigins(templates: readonly Template[], flags: InspectFlags, output: Output): number {
  const origins = templates.map((template) => inspectOrigins(template));
  const [first] = origins;
  if (flags.json) output.printJson(origins.length === 1 ? first : { images: origins });
  else {
    const texts = origins.map((one) => renderOrigins(one, output.stdoutStyle).join("\n"));
    output.print(texts.join("\n\n"));
  }
  return 0;
}

/** Runs the command; returns the exit code. */
export async function inspect(name: string, flags: InspectFlags): Promise<number> {
  const output = createOutput(flags);
  const templates = await loadAllFromFlags(name, flags, { allowsRefused: true });
  if (flags.origin) return showOrigins(templates, flags, output);
  const inspections = await interruptible((signal) =>
    Promise.all(
      templates.map((template) =>
        inspectTemplate(template, {
          signal,
          outputDirectory: flags.output,
          probe: flags.probe ?? false,
        }),
      ),
    ),
  );
  const [first] = inspections;
  if (flags.json) output.printJson(inspections.length === 1 ? first : { images: inspections });
  else {
    const texts = inspections.map((one) => renderInspection(one, output.stdoutStyle).join("\n"));
    output.print(texts.join("\n\n"));
  }
  return 0;
}
