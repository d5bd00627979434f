import { z } from "zod";
import { defineAction } from "./action.js";

const schema = z
  .strictObject({ reboot: z.literal(true).describe("must be true") })
  .describe("restarts the guest and waits until it answers over SSH");

/** Restarts the guest. */
export const reboot = defineAction<z.infer<typeof schema>>({
  name: "reboot",
  summary: "Restarts the guest and waits until it answers over SSH with a new boot ID.",
  example: '{ "reboot": true }',
  schema,
  describe: () => "restart and wait",
  run: (_action, context) => context.guest.reboot(context.timeoutMs),
});
