import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { durationOr } from "../fields.js";
import { Tail } from "../host/lines.js";
import { defineAction } from "./action.js";
import { commandError } from "./run-in-guest.js";

const schema = z
  .strictObject({
    wait: z.string().min(1).describe("command that is repeated until it succeeds"),
    every: durationOr(1000).describe("pause between two attempts"),
  })
  .describe("repeats a command in the guest until it succeeds, within the step's timeout");

/** Waits for a condition in the guest. */
export const wait = defineAction<z.infer<typeof schema>>({
  name: "wait",
  summary: "Repeats a command in the guest until it succeeds or the timeout expires.",
  example: '{ "wait": "curl -fsS http://localhost:8080/readyz", "every": "2s", "timeout": "5m" }',
  schema,
  describe: (action) => `until: ${action.wait}`,
  shellKeys: ["wait"],
  shellTexts: ({ wait }) => [
    { key: ["wait"], text: wait, parts: [wait], interpreter: ["/bin/sh"] },
  ],
  async run(action, context) {
    const started = performance.now();
    const tail = new Tail();
    for (;;) {
      const left = context.timeoutMs - (performance.now() - started);
      if (left <= 0) {
        const end = { exitCode: null, signal: null, timedOut: true };
        throw commandError(`waiting for: ${action.wait}`, end, context.timeoutMs, tail.lines);
      }
      const end = await context.guest.run({
        content: `${action.wait}\n`,
        interpreter: ["/bin/sh"],
        environment: context.environment,
        timeoutMs: left,
        onLine: (line, stream) => {
          tail.push(line);
          context.onLine(line, stream);
        },
        onState: context.onState,
      });
      if (end.exitCode === 0) return;
      await delay(Math.min(action.every, Math.max(left, 1)), undefined, { signal: context.signal });
    }
  },
});
