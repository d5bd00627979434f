/** Defines `packer validate`. */
import type { ShimCommand } from "../command.js";
import type { Flag } from "../flags.js";
import { PLUGIN_FLAGS, TEMPLATE_FLAGS } from "../template-flags.js";

const FLAGS: readonly Flag[] = [
  {
    name: "syntax-only",
    kind: "switch",
    default: false,
    term: "-syntax-only",
    help: "Check the syntax only, not the options and files.",
  },
  {
    name: "no-warn-undeclared-var",
    kind: "switch",
    default: false,
    term: "-no-warn-undeclared-var",
    help: "Do not warn of variables in files that the template does not declare.",
  },
  {
    name: "evaluate-datasources",
    kind: "switch",
    default: false,
    term: "-evaluate-datasources",
    help: "Accepted; data sources are read in any case.",
  },
];

export const validateCommand: ShimCommand = {
  name: "validate",
  synopsis: "check that a template is valid",
  usage: "TEMPLATE",
  about:
    "Checks a template and the files that it refers to. The exit code is 0 if it is valid, and 1\nif it is not, with all problems listed.",
  flags: [...FLAGS, ...TEMPLATE_FLAGS, ...PLUGIN_FLAGS],
  count: [1, 1],
  run: async (call) => (await import("../actions/validate.js")).validate(call),
};
