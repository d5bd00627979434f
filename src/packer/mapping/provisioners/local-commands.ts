/** Commands of the host: the options that the provisioner and the post-processor shell-local share. */
import type { BlockReader } from "../block.js";
import { refuseLeftover } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { shellQuote } from "../../../host/programs.js";
import { textIfReadable } from "../host-files.js";
import { mapped, nothing, refused } from "../rules.js";
import type { RuleTable } from "../rules.js";
import { packerVariables, readEnvironment } from "./environment.js";
import type { Environment } from "./environment.js";

/** Rules of both. */
export const LOCAL_RULES: RuleTable = {
  inline: mapped("the commands"),
  command: mapped("the commands"),
  script: mapped("the commands"),
  scripts: mapped("the commands"),
  environment_vars: mapped("environment"),
  env: mapped("environment"),
  execute_command: mapped("the program that runs the commands"),
  inline_shebang: mapped("the program that runs the commands"),
  only_on: nothing("vmbuild runs on Linux; commands for other systems are left out"),
  valid_exit_codes: mapped("the commands, with a test of their exit code"),
  env_var_format: nothing("the environment is passed as it is"),
  tempfile_extension: nothing("commands are not stored in a file"),
  use_linux_pathing: refused("vmbuild runs on Linux; remove it"),
};

/** Commands of the host. */
export interface LocalCommands {
  readonly run: readonly string[];
  readonly environment: Environment;
}

/** Returns the program that reads inline commands; undefined for a shell that vmbuild's replaces. */
function programOf(reader: BlockReader): string | undefined {
  const shebang = reader.text("inline_shebang") ?? "";
  const words = reader.texts("execute_command");
  const [program = ""] = words;
  if (/(?:^|\/)(?:ba|z|k|da)?sh$/.test(program)) {
    // bash -c "{{.Vars}} {{.Script}}" runs the file with its own first line.
    if (words.some((word) => word.includes("{{.Command}}") || /\{\{\s*\.Command/.test(word))) {
      return program;
    }
  }
  if (
    shebang === "" ||
    /^(?:\/usr)?\/bin\/(?:env )?(?:ba|da)?sh(?: -[euxo]+| pipefail)*$/.test(shebang)
  ) {
    return undefined;
  }
  return shebang;
}

/** Line that makes bash ignore errors of commands before a pipe, as sh does. */
const LIKE_SH = "set +o pipefail";

function inlineCommands(reader: BlockReader): string[] {
  const option = reader.has("command") ? "command" : "inline";
  const lines = reader.jsonTexts(option, "shell");
  if (lines.length === 0) return [];
  refuseLeftover(reader, option, lines);
  const program = programOf(reader);
  const text = lines.join("\n");
  if (program !== undefined && !/(?:^|\/)(?:ba|da)?sh$/.test(program)) {
    return [`${program} - <<'VMBUILD_END'\n${text}\nVMBUILD_END`];
  }
  const isPiped = /(?:^|[^|])\|(?:[^|]|$)/.test(text);
  const commands = lines.includes("") ? [text] : lines;
  return isPiped ? [LIKE_SH, ...commands] : commands;
}

function withExitCodes(reader: BlockReader, commands: readonly string[]): string[] {
  const codes = reader.list("valid_exit_codes").map(Number);
  if (codes.length === 0 || (codes.length === 1 && codes[0] === 0)) return [...commands];
  const tests = codes.map(String).join("|");
  return [
    "code=0",
    `( set -e\n${commands.join("\n")}\n) || code=$?`,
    `case $code in ${tests}) ;; *) exit "$code" ;; esac`,
  ];
}

/** Reads the commands of a block; undefined where they are not for Linux. */
export async function readLocal(
  reader: BlockReader,
  context: ImageContext,
): Promise<LocalCommands | undefined> {
  const systems = reader.texts("only_on");
  if (systems.length > 0 && !systems.includes("linux")) return undefined;
  const option = reader.has("script") ? "script" : "scripts";
  const paths = reader.texts(option).filter((path) => path !== "");
  const scripts = paths.map((path) => {
    const shown = resultPath(context, path);
    return shellQuote(shown.startsWith("/") || shown.startsWith(".") ? shown : `./${shown}`);
  });
  const inline = inlineCommands(reader);
  const commands = inline.length > 0 ? inline : scripts;
  if (commands.length === 0) {
    reader.say("inline", "refused", "there are neither commands nor a script");
    return undefined;
  }
  const texts = [...inline];
  for (const path of paths) texts.push((await textIfReadable(absolutePath(context, path))) ?? "");
  const environment = { ...packerVariables(texts, context), ...readEnvironment(reader) };
  return { run: [...inFolder(context), ...withExitCodes(reader, commands)], environment };
}

/** Returns the change to Packer's working folder, where the result is elsewhere. */
function inFolder(context: ImageContext): string[] {
  const { template, resultFolder } = context;
  if (resultFolder === template.cwd) return [];
  return [`cd ${shellQuote(resultPath(context, "."))}`];
}
