/** Defines the sink that sends events to a URL. */
import { z } from "zod";
import { durationOr, limitSize, sizeOr } from "../../fields.js";
import { withAgent } from "../../inputs/agent.js";
import { openEarlier } from "../backlog.js";
import { Delivery } from "../delivery.js";
import { createFilter } from "../filter.js";
import { WITHOUT_OUTPUT, commonSinkFields, defineSinkKind } from "../kind.js";
import type { SentEvent, SinkContext } from "../kind.js";
import { Spool } from "../spool.js";
import { bodyOf } from "../webhook/body.js";
import {
  drainTime,
  requestHeaders,
  requestTimeout,
  requestUrl,
  urlSecrets,
} from "../http/fields.js";
import { sendRequest } from "../http/request.js";

const MIB = 2 ** 20;

/** Default values. Times are milliseconds, sizes bytes. */
const DEFAULTS = { every: 1000, spool: 64 * MIB } as const;

const schema = z
  .strictObject({
    webhook: requestUrl.describe("URL that events are sent to"),
    method: z.enum(["POST", "PUT", "PATCH"]).default("POST").describe("method of the requests"),
    headers: requestHeaders,
    body: z
      .union([z.string().min(1), z.record(z.string(), z.unknown()), z.array(z.unknown())])
      .optional()
      .describe(
        "body of each request, as text or as JSON: ${event} is the event, ${event.FIELD} one of its fields, ${text} a line that describes it; if omitted, the event as JSON",
      ),
    batch: z
      .strictObject({
        count: z.int().min(1).max(1000).describe("largest number of events in one request"),
        every: durationOr(DEFAULTS.every).describe("longest time that an event waits for others"),
      })
      .optional()
      .describe("send several events in one request, as a JSON list"),
    rate: z
      .number()
      .positive()
      .max(1000)
      .optional()
      .describe("largest number of requests per second; if omitted, there is no limit"),
    timeout: requestTimeout,
    drain: drainTime,
    spool: sizeOr(limitSize, DEFAULTS.spool).describe(
      "size on disk of undelivered events of a run; further events are lost",
    ),
    ...commonSinkFields,
  })
  .refine(({ body, batch }) => body === undefined || batch === undefined, {
    path: ["body"],
    message: "body and batch are mutually exclusive: a body is made from one event",
  })
  .describe("sends events to a URL, at least once and in order");

type Settings = z.infer<typeof schema>;

/** Opens the spools of earlier runs and that of this run, in order. */
async function openSpools(settings: Settings, context: SinkContext): Promise<Spool[]> {
  const { folder, earlier, onProblem } = context;
  const options = { limit: settings.spool, onProblem };
  const wants = createFilter(settings.events ?? WITHOUT_OUTPUT, settings.progress);
  const spools: Spool[] = [];
  for (const run of earlier) spools.push(await openEarlier(run, options, wants));
  return [...spools, await Spool.open({ ...options, folder })];
}

/** Returns the id of a request: that of its event, or those of its first and its last one. */
function requestId(events: readonly SentEvent[]): string {
  const [first, last] = [events[0]?.id ?? "", events.at(-1)?.id ?? ""];
  return first === last ? first : `${first}..${last}`;
}

/** Sink that sends events to a URL. */
export const webhook = defineSinkKind<Settings>({
  name: "webhook",
  form: "{webhook}",
  schema,
  defaultEvents: WITHOUT_OUTPUT,
  keepsEvents: true,
  settingsOf: (text) => ({ webhook: text }),
  secrets: ({ webhook }) => urlSecrets(webhook),
  // The path of such a URL is often a secret.
  describe: ({ webhook }) => new URL(webhook).origin,
  async open(settings, context) {
    const { method, headers, body: template, batch, rate, timeout: timeoutMs } = settings;
    const address = new URL(settings.webhook);
    const isList = batch !== undefined;
    const delivery = new Delivery(await openSpools(settings, context), {
      batch: { count: batch?.count ?? 1, everyMs: batch?.every ?? 0 },
      intervalMs: rate === undefined ? 0 : 1000 / rate,
      drainMs: settings.drain,
      onProblem: context.onProblem,
    });
    delivery.start((work) =>
      withAgent((agent) =>
        work((events, signal) => {
          const body = bodyOf(events, { template, isList });
          const common = { url: address, method, headers, timeoutMs };
          return sendRequest({ ...common, body, id: requestId(events) }, agent, signal);
        }),
      ),
    );
    return { take: (event) => delivery.add(event), finish: () => delivery.finish() };
  },
});
