/** Runs the subcommands of `packer plugins`. */
import { readPackerSettings } from "../../../packer/load.js";
import type { Call } from "../command.js";
import { printProblems } from "../diagnostics.js";
import { isBuiltIn, sourceOf } from "../plugins.js";
import { loadOptionsOf } from "../template-flags.js";

/** Lists the plugins that a template requires. */
export function listRequired({ ui, values, args: [path = ""] }: Call): number {
  const { settings, problems } = readPackerSettings(path, loadOptionsOf(values));
  if (problems.length > 0) {
    printProblems(ui, problems);
    return 1;
  }
  const { requiredPlugins } = settings;
  if (requiredPlugins.length === 0) ui.print("say", "No plugins requirement found.");
  for (const plugin of requiredPlugins) {
    ui.print("say", `${sourceOf(plugin)} "${plugin.version ?? ""}"`);
  }
  return 0;
}

/** Succeeds for plugins whose work vmbuild does. */
export function install({ ui, args: [source = ""] }: Call): number {
  if (isBuiltIn(source)) {
    ui.print("say", `${source} is built into vmbuild; nothing is installed.`);
    return 0;
  }
  ui.print("error", `Error: vmbuild runs no plugins, so ${source} cannot be installed.`);
  return 1;
}
