/** Lists every sink kind. To add one, add a file in `kinds/` and a line in this list. */
import { z } from "zod";
import { identifier } from "../fields.js";
import type { CommonSinkFields, SinkKind } from "./kind.js";
import { file } from "./kinds/file.js";
import { github } from "./kinds/github.js";
import { otlp } from "./kinds/otlp.js";
import { syslog } from "./kinds/syslog.js";
import { webhook } from "./kinds/webhook.js";

/** All kinds, in the order of the template reference. */
export const SINK_KINDS = [webhook, file, syslog, github, otlp] as const;

const forms = SINK_KINDS.map(({ form }) => form);

const sinkSchema = z.union(
  SINK_KINDS.map(({ schema }) => schema),
  { error: `a sink is ${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}` },
);

/** Schema of a template's `sinks`. */
export const sinksSchema = z
  .record(identifier, sinkSchema)
  .prefault({})
  .describe("receivers of the events of a run, by name");

/** Parsed settings of a sink. */
export type SinkSettings = z.infer<typeof sinkSchema>;

type AnySinkKind = SinkKind<SinkSettings & CommonSinkFields>;

/** Returns the kind of a sink by its settings. */
export function sinkKindOf(settings: SinkSettings): AnySinkKind {
  const kind = SINK_KINDS.find(({ name }) => Object.hasOwn(settings, name));
  if (!kind) throw new Error("no kind of sink fits");
  return kind;
}

/** References that have a value in the `body` of a sink, when an event is sent. */
export function isSinkReference(path: readonly (string | number)[], reference: string): boolean {
  if (path[0] !== "sinks" || path[2] !== "body") return false;
  return reference === "text" || /^event(\..+)?$/.test(reference);
}
