/** Runs `packer init`: nothing is installed, because vmbuild has no plugins. */
import { readPackerSettings } from "../../../packer/load.js";
import type { Call } from "../command.js";
import { printProblems } from "../diagnostics.js";
import { isBuiltIn, sourceOf } from "../plugins.js";
import { loadOptionsOf } from "../template-flags.js";

const NONE = `
No plugins requirement found. vmbuild needs none: what it can do of Packer's plugins is built in.`;

/** Names the plugins that a template requires and that vmbuild does not replace. */
export function init({ ui, values, args: [path = ""] }: Call): number {
  const { settings, problems } = readPackerSettings(path, loadOptionsOf(values));
  if (problems.length > 0) {
    printProblems(ui, problems);
    return 1;
  }
  const { requiredPlugins } = settings;
  if (requiredPlugins.length === 0) ui.print("message", NONE);
  for (const plugin of requiredPlugins) {
    const source = sourceOf(plugin);
    if (isBuiltIn(source)) continue;
    ui.print(
      "say",
      `Plugin ${source} is not installed: vmbuild runs no plugins. \`validate\` tells which parts of the template need it.`,
    );
  }
  return 0;
}
