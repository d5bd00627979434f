/** Generates the completion script for fish. */
import type { CompletedCommand, CompletedOption, Values } from "./completed-command.js";

const quote = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;

function values(values: Values): string {
  switch (values.kind) {
    case "none":
      return "";
    case "files":
      return " -F";
    case "words":
      return ` -a ${quote(values.words.join(" "))}`;
    case "templates":
      return " -F -a '(vmbuild list --templates 2>/dev/null)'";
    case "builds":
      return ` -a ${quote([...values.subcommands, "(vmbuild list --names 2>/dev/null)"].join(" "))}`;
  }
}

function optionLine(command: string, option: CompletedOption): string {
  const names = option.names.map((name) =>
    name.startsWith("--") ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
  );
  const exclusive = option.values?.kind === "files" ? " -r" : " -x";
  const value = option.values === undefined ? "" : exclusive + values(option.values);
  const condition = `-n ${quote(`__fish_seen_subcommand_from ${command}`)}`;
  return `complete -c vmbuild ${condition}${names.join("")}${value} -d ${quote(option.description)}`;
}

function commandLines({ name, description, options, argument }: CompletedCommand): string[] {
  const first = `complete -c vmbuild -n __fish_use_subcommand -a ${name} -d ${quote(description)}`;
  const condition = `-n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
  const own = values(argument);
  return [
    first,
    ...(own === "" ? [] : [`complete -c vmbuild ${condition}${own}`]),
    ...options.map((option) => optionLine(name, option)),
  ];
}

/** Returns the script, which is saved as ~/.config/fish/completions/vmbuild.fish. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  return [
    "# fish completion for vmbuild:",
    "#   vmbuild completion fish >~/.config/fish/completions/vmbuild.fish",
    "complete -c vmbuild -f",
    "complete -c vmbuild -n __fish_use_subcommand -s V -l version -d 'print the version'",
    ...commands.flatMap(commandLines),
    "",
  ].join("\n");
}
