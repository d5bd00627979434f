/** Defines `packer fmt`. */
import type { ShimCommand } from "../command.js";
import type { Flag } from "../flags.js";

const FLAGS: readonly Flag[] = [
  {
    name: "check",
    kind: "switch",
    default: false,
    term: "-check",
    help: "Change nothing; the exit code is 3 if a file is not formatted.",
  },
  {
    name: "diff",
    kind: "switch",
    default: false,
    term: "-diff",
    help: "Print the differences.",
  },
  {
    name: "write",
    kind: "switch",
    default: true,
    term: "-write=false",
    help: "Do not write the files; not needed with -check.",
  },
  {
    name: "recursive",
    kind: "switch",
    default: false,
    term: "-recursive",
    help: "Format the files of subfolders too.",
  },
];

export const formatCommand: ShimCommand = {
  name: "fmt",
  synopsis: "rewrite templates in HCL to their canonical format",
  usage: "TEMPLATE...",
  about:
    "Formats .pkr.hcl and .pkrvars.hcl files, and prints the names of those that it changes. `-` is\nstandard input. JSON is not changed.",
  flags: FLAGS,
  count: [1, Infinity],
  run: async (call) => (await import("../actions/fmt.js")).format(call),
};
