/** Renders docs/cli.md from the help of each command. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { createRoot } from "../program.js";
import { code, GENERATED } from "./markdown.js";

/** Width of the help, independent of the terminal. */
const COLUMNS = 80;

function helpOf(command: CommandUnknownOpts): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

/** Renders the help of a command and of its subcommands under separate headings. */
function sectionsOf(command: CommandUnknownOpts, heading: string, parent: string): string[] {
  const name = `${parent} ${command.name()}`;
  return [
    `${heading} ${code(name)}`,
    `\`\`\`text\n${helpOf(command)}\n\`\`\``,
    ...command.commands.flatMap((sub) => sectionsOf(sub, `${heading}#`, name)),
  ];
}

/** Renders docs/cli.md. */
export function cliPage(): string {
  const root = createRoot(() => {});
  const sections = root.commands.flatMap((command) => sectionsOf(command, "##", "vmbuild"));
  return `${[
    "# Commands",
    GENERATED,
    "The result goes to stdout; progress, warnings and errors go to stderr. `--json` prints one " +
      "object. Exit codes are in [errors.md](errors.md).",
    `\`\`\`text\n${helpOf(root)}\n\`\`\``,
    ...sections,
  ].join("\n\n")}\n`;
}
