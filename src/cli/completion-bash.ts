/** Generates the completion script for bash. */
import type { CompletedCommand, Values } from "./completed-command.js";

/** Returns the statement that fills COMPREPLY for a kind of value. */
function fill(values: Values): string {
  switch (values.kind) {
    case "none":
      return ":";
    case "files":
      return "_vmbuild_files";
    case "words":
      return `_vmbuild_words '${values.words.join(" ")}'`;
    case "templates":
      return '_vmbuild_words "$(vmbuild list --templates 2>/dev/null)"; _vmbuild_files';
    case "builds":
      return `_vmbuild_words "${[...values.subcommands, "$(vmbuild list --names 2>/dev/null)"].join(" ")}"`;
  }
}

function commandCase({ name, options, argument }: CompletedCommand): string {
  const withValues = options.flatMap(({ names, values }) =>
    values === undefined ? [] : [`        ${names.join("|")}) ${fill(values)}; return ;;`],
  );
  const names = options.flatMap((option) => option.names).join(" ");
  return `    ${name})
      case $previous in
${[...withValues, "        *) ;;"].join("\n")}
      esac
      if [[ $word == -* ]]; then _vmbuild_words '${names}'; else ${fill(argument)}; fi
      ;;`;
}

/** Returns the script, which is sourced. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = [...commands.map(({ name }) => name), "help"].join(" ");
  return `# bash completion for vmbuild. In ~/.bashrc:
#   source <(vmbuild completion bash)

_vmbuild_words() {
  local found
  mapfile -t found < <(compgen -W "$1" -- "$word")
  COMPREPLY+=("\${found[@]}")
}

_vmbuild_files() {
  local found
  mapfile -t found < <(compgen -f -- "$word")
  COMPREPLY+=("\${found[@]}")
  compopt -o filenames 2>/dev/null
}

_vmbuild() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    if [[ $word == -* ]]; then _vmbuild_words '-h --help -V --version'; else _vmbuild_words '${names}'; fi
    return
  fi
  # What follows -- belongs to the guest.
  local index
  for ((index = 2; index < COMP_CWORD; index++)); do
    [[ \${COMP_WORDS[index]} == -- ]] && return
  done
  case \${COMP_WORDS[1]} in
${commands.map(commandCase).join("\n")}
    help) _vmbuild_words '${names}' ;;
    *) ;;
  esac
}

complete -F _vmbuild vmbuild
`;
}
