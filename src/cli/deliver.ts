/** Implements `vmbuild deliver`: sends the events that wait for the sinks of a template. */
import { deliverEvents, undeliveredError } from "../run/deliver.js";
import type { SinkDelivery } from "../run/deliver.js";
import { interruptible } from "./interrupt.js";
import { parseTime } from "./lease-options.js";
import { loadAllFromFlags } from "./options.js";
import type { TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import { countOf } from "./table.js";

/** Flags of the command. */
export interface DeliverFlags extends TemplateFlags {
  readonly timeout: string;
  readonly json?: boolean;
}

function lineOf({ build, sink, delivered, waiting, lost }: SinkDelivery): string {
  const more = [
    ...(waiting > 0 ? [`${waiting} still waiting`] : []),
    ...(lost > 0 ? [`${lost} refused`] : []),
  ];
  return `${build}, ${sink}: ${[`${countOf(delivered, "event")} delivered`, ...more].join(", ")}`;
}

/** Runs the command; returns the exit code. */
export async function deliver(name: string, flags: DeliverFlags): Promise<number> {
  const output = createOutput();
  const timeoutMs = parseTime("--timeout", flags.timeout);
  const templates = await loadAllFromFlags(name, flags);
  const results = await interruptible(async (signal) => {
    const all: SinkDelivery[] = [];
    for (const one of templates) all.push(...(await deliverEvents(one, { timeoutMs, signal })));
    return all;
  });
  if (flags.json) output.printJson({ sinks: results });
  else if (results.length === 0) output.log("No events wait for their delivery.");
  else output.print(results.map(lineOf).join("\n"));
  const error = undeliveredError(results);
  if (error) output.printError(error);
  return error?.exitCode ?? 0;
}
