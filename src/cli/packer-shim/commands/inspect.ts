/** Defines `packer inspect`. */
import type { ShimCommand } from "../command.js";
import { PLUGIN_FLAGS, TEMPLATE_FLAGS } from "../template-flags.js";

export const inspectCommand: ShimCommand = {
  name: "inspect",
  synopsis: "list the variables and builds of a template",
  usage: "TEMPLATE",
  about: "Lists the variables, sources, provisioners and post-processors of a template.",
  flags: [...TEMPLATE_FLAGS, ...PLUGIN_FLAGS],
  count: [1, 1],
  run: async (call) => (await import("../actions/inspect.js")).inspect(call),
};
