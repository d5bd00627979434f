/** Defines `packer plugins` and its subcommands. */
import type { ShimCommand } from "../command.js";
import { helpText } from "../command.js";
import { TEMPLATE_FLAGS } from "../template-flags.js";

const required: ShimCommand = {
  name: "plugins required",
  synopsis: "list the plugins that a template requires",
  usage: "TEMPLATE",
  about: "Lists the plugins that a template requires, with their versions.",
  flags: TEMPLATE_FLAGS,
  count: [1, 1],
  run: async (call) => (await import("../actions/plugins.js")).listRequired(call),
};

const installed: ShimCommand = {
  name: "plugins installed",
  synopsis: "list installed plugins: there are none",
  usage: "",
  about: "Lists the installed plugins. vmbuild has none, so nothing is printed.",
  flags: [],
  count: [0, 0],
  run: () => 0,
};

const installPlugin: ShimCommand = {
  name: "plugins install",
  synopsis: "install a plugin; not needed for those that vmbuild replaces",
  usage: "PLUGIN [VERSION]",
  about: "Succeeds for plugins whose work vmbuild does, and fails for others.",
  flags: [
    { name: "path", kind: "text", term: "-path=file", help: "Accepted and not needed." },
    {
      name: "force",
      kind: "switch",
      default: false,
      term: "-force",
      help: "Accepted and not needed.",
    },
  ],
  count: [1, 2],
  run: async (call) => (await import("../actions/plugins.js")).install(call),
};

const removePlugin: ShimCommand = {
  name: "plugins remove",
  synopsis: "remove a plugin: there are none",
  usage: "PLUGIN [VERSION]",
  about: "Removes nothing, because there are no plugins.",
  flags: [],
  count: [1, 2],
  run: ({ ui, args: [source = ""] }) => {
    ui.print(
      "error",
      `Error: No installed plugin found matching the plugin constraints ${source}.`,
    );
    return 1;
  },
};

const plugins: ShimCommand = {
  name: "plugins",
  synopsis: "list the plugins that templates require",
  usage: "<subcommand> [args]",
  about: [required, installed, installPlugin, removePlugin]
    .map(({ name, synopsis }) => `${name.replace("plugins ", "").padEnd(12)}${synopsis}`)
    .join("\n"),
  flags: [],
  count: [0, Infinity],
  run: ({ ui }) => {
    ui.print("say", helpText(plugins));
    return 1;
  },
};

/** `plugins` and its subcommands. */
export const PLUGINS_COMMANDS: readonly ShimCommand[] = [
  plugins,
  required,
  installed,
  installPlugin,
  removePlugin,
];
