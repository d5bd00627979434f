/** Implements `vmbuild inspect`: shows what a run would do, without doing it. */
import { inspectTemplate } from "../inspect/inspect.js";
import { inspectOrigins } from "../inspect/origins.js";
import { createOutput } from "./output.js";
import { interruptible } from "./interrupt.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { renderInspection } from "./inspect-text.js";
import { renderOrigins } from "./origins-text.js";

/** Flags of the command. */
export interface InspectFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly probe?: boolean;
  readonly origin?: boolean;
  readonly json?: boolean;
}

/** Runs the command; returns the exit code. */
export async function inspect(name: string, flags: InspectFlags): Promise<number> {
  const output = createOutput(flags);
  const template = await loadFromFlags(name, flags);
  if (flags.origin) {
    const origins = inspectOrigins(template);
    if (flags.json) output.printJson(origins);
    else output.print(renderOrigins(origins, output.stdoutStyle).join("\n"));
    return 0;
  }
  const inspection = await interruptible((signal) =>
    inspectTemplate(template, {
      signal,
      outputDirectory: flags.output,
      probe: flags.probe ?? false,
    }),
  );
  if (flags.json) output.printJson(inspection);
  else output.print(renderInspection(inspection, output.stdoutStyle).join("\n"));
  return 0;
}
