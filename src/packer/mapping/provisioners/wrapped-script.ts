/**
 * Scripts whose `execute_command` has no counterpart in the fields of an action: as with Packer, the
 * script is a file of the guest, and the command is run as it is.
 */
import type { BlockReader } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import { SCRIPT_PATH, SCRIPT_VARIABLES } from "../execute-command.js";
import { textIfReadable } from "../host-files.js";
import type { Plain, PlainObject } from "../plain.js";
import type { ProvisionerContext } from "../provisioner.js";

/** Script as a file of the guest. */
interface ScriptFile {
  /** Action that creates it, without its place. */
  readonly action: PlainObject;
  /** Text as far as it can be read. */
  readonly text: string | undefined;
}

/** Actions that run one script, and the text of the script as far as it can be read. */
export interface WrappedScript {
  readonly before: readonly Plain[];
  readonly action: PlainObject;
  readonly after: readonly Plain[];
  readonly text: string | undefined;
}

/** Script that templates name where a variable gives none. */
export const EMPTY_SCRIPT = "/dev/null";

/** Returns whether a command can be run: `{{ .EnvVarFile }}` would be a file with secrets. */
export function canWrap(command: string): boolean {
  return command.search(SCRIPT_PATH) >= 0 && !command.includes(".EnvVarFile");
}

async function scriptFiles(
  reader: BlockReader,
  context: ProvisionerContext,
): Promise<ScriptFile[]> {
  const lines = reader.texts("inline");
  if (lines.length > 0) {
    const shebang = reader.text("inline_shebang") ?? "";
    const first = `#!${shebang === "" ? "/bin/sh -e" : shebang}`;
    const content = [first, ...reader.jsonTexts("inline"), ""].join("\n");
    return [{ action: { write: "", content }, text: lines.join("\n") }];
  }
  const option = reader.has("script") ? "script" : "scripts";
  const kept = reader.jsonTexts(option);
  const paths = reader.texts(option).map((path, index) => ({ path, kept: kept[index] }));
  return Promise.all(
    paths
      .filter(({ path }) => path !== "" && path !== EMPTY_SCRIPT)
      .map(async ({ path, kept: own }) => ({
        action: { upload: resultPath(context, path, own), to: "" },
        text: await textIfReadable(absolutePath(context, path)),
      })),
  );
}

/**
 * Returns the actions for the scripts of a provisioner whose `execute_command` is run as it is.
 * @param variables names of the variables in the step's environment, which `{{ .Vars }}` passes on.
 */
export async function wrapScripts(
  reader: BlockReader,
  context: ProvisionerContext,
  variables: readonly string[],
): Promise<WrappedScript[]> {
  const command = reader.jsonText("execute_command", "shell") ?? "";
  const passed = variables.map((name) => `${name}="$${name}"`).join(" ");
  const { user } = context.login;
  const isRoot = user === "root";
  const files = await scriptFiles(reader, context);
  return files.map(({ action, text }, index) => {
    const path = `/tmp/script_${index + 1}.sh`;
    const run = command
      .replaceAll(SCRIPT_PATH, () => path)
      .replaceAll(SCRIPT_VARIABLES, () => passed);
    // Packer gives the command to the user's login shell, which may be bash.
    const shell = /\[\[|\b(?:source|function)\b/.test(run) ? "/bin/bash" : "/bin/sh";
    const place = "write" in action ? { write: path } : { to: path };
    return {
      before: [{ ...action, ...place, mode: "0755", ...(isRoot ? {} : { owner: `${user}:` }) }],
      action: { run, interpreter: [shell], ...(isRoot ? {} : { user }) },
      after: [{ run: `rm -f ${path}` }],
      text,
    };
  });
}
