/** Defines `packer init`: nothing is installed, because vmbuild has no plugins. */
import type { ShimCommand } from "../command.js";
import type { Flag } from "../flags.js";
import { TEMPLATE_FLAGS } from "../template-flags.js";

const FLAGS: readonly Flag[] = [
  {
    name: "upgrade",
    kind: "switch",
    default: false,
    term: "-upgrade",
    help: "Accepted and not needed: there are no plugins.",
  },
  {
    name: "force",
    kind: "switch",
    default: false,
    term: "-force",
    help: "Accepted and not needed: there are no plugins.",
  },
];

export const initCommand: ShimCommand = {
  name: "init",
  synopsis: "check which plugins a template requires; nothing is installed",
  usage: "TEMPLATE",
  about:
    "Reads the plugins that a template requires, and names those that vmbuild does not replace.",
  flags: [...FLAGS, ...TEMPLATE_FLAGS],
  count: [1, 1],
  run: async (call) => (await import("../actions/init.js")).init(call),
};
