/** docs/cli.md, from the help of each command. */
import type { Command } from "commander";
import { createRoot } from "../program.js";
import { code, GENERATED } from "./markdown.js";

/** Help is laid out for this width, whatever terminal it is made in. */
const COLUMNS = 80;

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

/** The page. */
export function cliPage(): string {
  const root = createRoot(() => {});
  const sections = root.commands.flatMap((command) => [
    `## ${code(`vmbuild ${command.name()}`)}`,
    `\`\`\`text\n${helpOf(command)}\n\`\`\``,
  ]);
  return `${[
    "# Commands",
    GENERATED,
    "The result goes to stdout; progress, warnings and errors go to stderr. `--json` prints one " +
      "object. Exit codes are in [errors.md](errors.md).",
    `\`\`\`text\n${helpOf(root)}\n\`\`\``,
    ...sections,
  ].join("\n\n")}\n`;
}
