/** Defines Packer's commands that vmbuild does not have: each is refused, with what to do instead. */
import type { ShimCommand } from "../command.js";

const REASONS: Readonly<Record<string, string>> = {
  console: "There is no console; `vmbuild inspect TEMPLATE` shows evaluated options.",
  fix: "Options of old versions of Packer are understood as they are; `packer validate` names those that are not.",
  hcl2_upgrade:
    "JSON templates are built as they are; `vmbuild import TEMPLATE` converts one to a template of vmbuild.",
};

/** Commands that are refused. */
export const MISSING_COMMANDS: readonly ShimCommand[] = Object.entries(REASONS).map(
  ([name, reason]) => ({
    name,
    synopsis: "not supported",
    usage: "TEMPLATE",
    about: reason,
    flags: [],
    count: [0, Infinity],
    run: ({ ui }) => {
      ui.print("error", `Error: \`packer ${name}\` is not supported by vmbuild. ${reason}`);
      return 1;
    },
  }),
);
