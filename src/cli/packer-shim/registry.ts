/** Lists the commands that are called as `packer`. */
import type { ShimCommand } from "./command.js";
import { buildCommand } from "./commands/build.js";
import { formatCommand } from "./commands/fmt.js";
import { initCommand } from "./commands/init.js";
import { inspectCommand } from "./commands/inspect.js";
import { MISSING_COMMANDS } from "./commands/not-here.js";
import { PLUGINS_COMMANDS } from "./commands/plugins.js";
import { validateCommand } from "./commands/validate.js";
import { versionCommand } from "./commands/version.js";

/** Commands in the order of their names. */
export const SHIM_COMMANDS: readonly ShimCommand[] = [
  buildCommand,
  formatCommand,
  initCommand,
  inspectCommand,
  ...MISSING_COMMANDS,
  ...PLUGINS_COMMANDS,
  validateCommand,
  versionCommand,
].toSorted((a, b) => (a.name < b.name ? -1 : 1));
