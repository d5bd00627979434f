/** Generates the completion script for zsh. */
import type { CompletedCommand, CompletedOption, Values } from "./completed-command.js";

/** Escapes text for single quotes and brackets of `_arguments`. */
function escape(text: string): string {
  return text.replaceAll("'", `'\\''`).replaceAll(/[[\]:]/g, String.raw`\$&`);
}

function action(values: Values): string {
  switch (values.kind) {
    case "none":
      return " ";
    case "files":
      return "_files";
    case "words":
      return `(${values.words.join(" ")})`;
    case "templates":
      return "_vmbuild_templates";
    case "builds":
      return values.subcommands.length === 0
        ? "_vmbuild_builds"
        : `{compadd ${values.subcommands.join(" ")}; _vmbuild_builds}`;
  }
}

function optionSpecs({ names, description, values }: CompletedOption): string[] {
  const value = values === undefined ? "" : `:value:${action(values)}`;
  return names.map((name) => `'*${name}[${escape(description)}]${value}'`);
}

function commandCase({ name, options, argument }: CompletedCommand): string {
  const specs = [...options.flatMap(optionSpecs), `'*:argument:${action(argument)}'`];
  return `        ${name})
          _arguments -S ${specs.map((spec) => `\\\n            ${spec}`).join(" ")}
          ;;`;
}

/** Returns the script, which is saved in a folder of `$fpath` or sourced after compinit. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const described = commands.map((command) => `'${command.name}:${escape(command.description)}'`);
  return `#compdef vmbuild
# zsh completion for vmbuild. In ~/.zshrc, after compinit:
#   source <(vmbuild completion zsh)

_vmbuild_templates() {
  local -a names
  names=(\${(f)"$(vmbuild list --templates 2>/dev/null)"})
  compadd -a names
  _files -g '*.json'
}

_vmbuild_builds() {
  local -a names
  names=(\${(f)"$(vmbuild list --names 2>/dev/null)"})
  compadd -a names
}

_vmbuild() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
    '(-h --help)'{-h,--help}'[print help]' \\
    '(-V --version)'{-V,--version}'[print the version]' \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands
      commands=(${described.join(" ")})
      _describe command commands
      ;;
    argument)
      case $line[1] in
${commands.map(commandCase).join("\n")}
      esac
      ;;
  esac
}

compdef _vmbuild vmbuild
`;
}
