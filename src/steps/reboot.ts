import { z } from "zod";
import { defineAction } from "./action.js";

const schema = z
  .strictObject({ reboot: z.literal(true).describe("always true") })
  .describe("restarts the guest; ends when a new boot answers");

/** Restarts the guest. */
export const reboot = defineAction<z.infer<typeof schema>>({
  name: "reboot",
  summary: "Restarts the guest and goes on when it answers with another boot id.",
  example: '{ "reboot": true }',
  schema,
  describe: () => "restart and wait",
  run: (_action, context) => context.guest.reboot(context.timeoutMs),
});
