/** Defines `packer build`. */
import type { ShimCommand } from "../command.js";
import type { Flag } from "../flags.js";
import { PLUGIN_FLAGS, TEMPLATE_FLAGS } from "../template-flags.js";

const FLAGS: readonly Flag[] = [
  {
    name: "color",
    kind: "switch",
    default: true,
    term: "-color=false",
    help: "Print without colors, as with PACKER_NO_COLOR.",
  },
  {
    name: "debug",
    kind: "switch",
    default: false,
    term: "-debug",
    help: "Stop after each step, and run one build at a time.",
  },
  {
    name: "force",
    kind: "switch",
    default: false,
    term: "-force",
    help: "Accepted and not needed: a finished image replaces the earlier one.",
  },
  {
    name: "machine-readable",
    kind: "switch",
    default: false,
    term: "-machine-readable",
    help: "Print lines for programs; can stand anywhere, with every command.",
  },
  {
    name: "on-error",
    kind: "choice",
    choices: ["cleanup", "abort", "ask", "run-cleanup-provisioner"],
    term: "-on-error=cleanup|abort|ask",
    help: "What to do after an error; ask needs a terminal. run-cleanup-provisioner is cleanup.",
  },
  {
    name: "parallel-builds",
    kind: "count",
    term: "-parallel-builds=1",
    help: "Number of builds that run at the same time. 0 is no limit (the default).",
  },
  {
    name: "timestamp-ui",
    kind: "switch",
    default: false,
    term: "-timestamp-ui",
    help: "Put the time before each line.",
  },
  {
    name: "warn-on-undeclared-var",
    kind: "switch",
    default: false,
    term: "-warn-on-undeclared-var",
    help: "Warn of variables in files that the template does not declare.",
  },
  {
    name: "skip-enforcement",
    kind: "switch",
    default: false,
    term: "-skip-enforcement",
    help: "Accepted and not needed: HCP Packer is not used.",
  },
];

export const buildCommand: ShimCommand = {
  name: "build",
  synopsis: "build the images of a template",
  usage: "TEMPLATE",
  about:
    "Builds the images of a template. Steps that have not changed since the last build are restored\nfrom checkpoints.",
  flags: [...FLAGS, ...TEMPLATE_FLAGS, ...PLUGIN_FLAGS],
  count: [1, 1],
  run: async (call) => (await import("../actions/build.js")).build(call),
};
