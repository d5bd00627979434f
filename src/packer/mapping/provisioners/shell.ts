/** Provisioner `shell`: scripts and commands in the guest. */
import { basename } from "node:path";
import type { BlockReader } from "../block.js";
import { refuseLeftover } from "../block.js";
import { absolutePath, resultPath } from "../context.js";
import { sleepText } from "../durations.js";
import { readExecution } from "../execute-command.js";
import type { Execution } from "../execute-command.js";
import { textIfReadable } from "../host-files.js";
import type { Plain, PlainObject } from "../plain.js";
import { commonStep, pause } from "../provisioner.js";
import type { ProvisionerContext, ProvisionerKind } from "../provisioner.js";
import { mapped, nothing } from "../rules.js";
import { splitWords } from "../shell-words.js";
import { packerVariables, readEnvironment } from "./environment.js";
import type { Environment } from "./environment.js";
import { exitCodes, restartOf } from "./restarts.js";
import { EMPTY_SCRIPT, canWrap, wrapScripts } from "./wrapped-script.js";
import type { WrappedScript } from "./wrapped-script.js";

const TEMPORARY = "scripts are stored in memory while they run, and removed";

const RULES = {
  inline: mapped("action run"),
  script: mapped("action script"),
  scripts: mapped("action script, one for each"),
  valid_exit_codes: mapped("exitCodes"),
  environment_vars: mapped("the step's environment"),
  env: mapped("the step's environment"),
  execute_command: mapped("user, interpreter and cwd of the actions; or run as it is"),
  inline_shebang: mapped("interpreter"),
  expect_disconnect: mapped("expectReboot: the guest may restart"),
  pause_after: mapped("a pause as the step's last action"),
  env_var_format: nothing("the environment is passed as it is"),
  use_env_var_file: nothing("the environment is never part of a command"),
  binary: nothing("scripts are sent as they are; `validate` reports Windows line endings"),
  remote_path: nothing(TEMPORARY),
  remote_folder: nothing(TEMPORARY),
  remote_file: nothing(TEMPORARY),
  skip_clean: nothing("no script is left in the guest"),
  start_retry_timeout: nothing("after a restart, vmbuild waits until the guest answers again"),
};

/** What runs when the template has no execute_command. */
const DIRECT: Execution = {
  user: undefined,
  interpreter: undefined,
  cwd: undefined,
  environment: {},
  arguments: [],
  isLogin: false,
  before: [],
};

/**
 * Reads how scripts are run.
 * @returns undefined if the command has no counterpart, and has to be run as it is.
 */
function executionOf(reader: BlockReader): Execution | undefined {
  const command = reader.text("execute_command") ?? "";
  if (command === "") return DIRECT;
  const read = readExecution(command);
  // Commands before inline commands can be put before them, but not before a script.
  const isComplete = read && (read.before.length === 0 || reader.texts("inline").length > 0);
  if (isComplete) return read;
  if (canWrap(command)) {
    reader.say("execute_command", "mapped", "the command itself, as an action run");
    return undefined;
  }
  const text =
    "is not a form that vmbuild knows; use `user`, `interpreter` and `cwd` of the actions run and script";
  reader.say("execute_command", "refused", text);
  return DIRECT;
}

/** Returns a folder of the guest as an absolute path. */
function guestFolder(path: string, home: string): string {
  if (path.startsWith("/")) return path;
  const inside = path.replace(/^(?:~|\$HOME|\$\{HOME\})\/?/, "");
  return inside === "" ? home : `${home}/${inside}`;
}

/** Returns the fields that say how a script runs. */
function scriptFields(execution: Execution, { login }: ProvisionerContext): PlainObject {
  const user = execution.user ?? login.user;
  const isOther = user !== login.user && !execution.isLogin;
  const cwd = execution.cwd ?? (isOther ? login.home : undefined);
  return {
    ...(cwd !== undefined && { cwd: guestFolder(cwd, login.home) }),
    ...(user !== "root" && { user }),
  };
}

/** Returns the interpreter of commands that are given inline. */
function inlineInterpreter(
  reader: BlockReader,
  execution: Execution,
  lines: readonly string[],
): readonly string[] | undefined {
  if (execution.interpreter) return execution.interpreter;
  const shebang = reader.text("inline_shebang") ?? "";
  if (shebang !== "") return isDefaultShell(shebang) ? undefined : splitWords(shebang);
  const first = lines[0] ?? "";
  const own = /^#!\s*(\S.*?)\s*(?:\n|$)/.exec(first)?.[1];
  return own === undefined || isDefaultShell(own) ? undefined : splitWords(own);
}

/** Returns whether a shell is the one that vmbuild uses anyway: sh that stops at an error. */
const isDefaultShell = (shebang: string): boolean =>
  /^(?:\/usr)?\/bin\/sh\s+-e$/.test(shebang.trim());

/** Script or commands, with the text as far as it can be read. */
interface Script {
  readonly action: PlainObject;
  readonly text: string | undefined;
}

function inlineScript(reader: BlockReader, execution: Execution): Script | undefined {
  const lines = reader.texts("inline");
  if (lines.length === 0) return undefined;
  refuseLeftover(reader, "inline", lines);
  const interpreter = inlineInterpreter(reader, execution, lines);
  const commands = [...execution.before, ...reader.jsonTexts("inline", "shell")];
  // A list has no empty commands, but an empty line may be part of a text.
  const run = commands.includes("") ? commands.join("\n") : commands;
  return {
    action: {
      run,
      ...(interpreter && { interpreter: [...interpreter] }),
    },
    text: lines.join("\n"),
  };
}

async function fileScripts(
  reader: BlockReader,
  execution: Execution,
  context: ProvisionerContext,
): Promise<Script[]> {
  const option = reader.has("script") ? "script" : "scripts";
  const kept = reader.jsonTexts(option);
  const scripts: Script[] = [];
  for (const [index, path] of reader.texts(option).entries()) {
    if (path === "" || path === EMPTY_SCRIPT) continue;
    const action: PlainObject = {
      script: resultPath(context, path, kept[index]),
      ...(execution.arguments.length > 0 && { arguments: [...execution.arguments] }),
      ...(execution.interpreter && { interpreter: [...execution.interpreter] }),
    };
    scripts.push({ action, text: await textIfReadable(absolutePath(context, path)) });
  }
  return scripts;
}

/** Returns the title of the step. The text of a secret is not part of it. */
function titleOf(reader: BlockReader): string {
  const option = ["inline", "script", "scripts"].find((name) => reader.has(name));
  if (option === undefined || reader.isSensitive(option)) return "shell";
  const lines = reader.texts(option).flatMap((text) => text.split("\n"));
  const first = lines
    .map((line) => line.trim())
    .find((line) => line !== "" && !line.startsWith("#"));
  const isOne = option !== "inline" && lines.length === 1;
  return `shell ${option === "inline" || isOne ? basenameOf(first ?? "", option) : lines.map((line) => basename(line)).join(" ")}`;
}

const basenameOf = (line: string, option: string): string =>
  option === "inline" ? line : basename(line);

/** Returns variables of sudo that scripts ask for. */
function sudoVariables(
  execution: Execution,
  texts: readonly string[],
  { login }: ProvisionerContext,
): Environment {
  const isSudo = execution.user !== undefined && execution.user !== login.user;
  return isSudo && texts.some((text) => text.includes("SUDO_USER"))
    ? { SUDO_USER: login.user }
    : {};
}

/** Returns the scripts of a provisioner with the fields of their actions. */
async function scriptsOf(
  reader: BlockReader,
  execution: Execution,
  context: ProvisionerContext,
): Promise<WrappedScript[]> {
  const inline = inlineScript(reader, execution);
  const scripts = inline ? [inline] : await fileScripts(reader, execution, context);
  const fields = scriptFields(execution, context);
  return scripts.map(({ action, text }) => ({
    ...{ before: [], after: [], text },
    action: { ...action, ...fields },
  }));
}

/** Returns the actions, of which the last script may restart the guest. */
function actionsOf(reader: BlockReader, scripts: readonly WrappedScript[]): Plain[] {
  const { codes, mayDisconnect } = exitCodes(reader.list("valid_exit_codes"));
  const expects = mayDisconnect || reader.flag("expect_disconnect");
  const last = scripts.length - 1;
  return scripts.flatMap(({ before, action, after, text }, index): Plain[] => {
    const isUnknown = expects && index === last ? "maybe" : undefined;
    const restart = (text === undefined ? undefined : restartOf(text)) ?? isUnknown;
    const run = {
      ...action,
      ...(codes && { exitCodes: [...codes] }),
      ...(restart !== undefined && { expectReboot: restart }),
    };
    return [...before, run, ...after];
  });
}

/** Scripts in the guest. */
export const shellProvisioner: ProvisionerKind = {
  name: "shell",
  rules: RULES,
  async convert(reader, context) {
    const execution = executionOf(reader);
    const given = readEnvironment(reader);
    const scripts = execution
      ? await scriptsOf(reader, execution, context)
      : await wrapScripts(reader, context, Object.keys(given));
    if (scripts.length === 0) {
      const named = ["script", "scripts"].find((name) => reader.has(name));
      if (named !== undefined) return reader.say(named, "nothing", "the script is empty");
      reader.say("inline", "refused", "the provisioner has neither commands nor a script");
      return;
    }
    const { before, timeout, retries } = commonStep(reader);
    const after = reader.text("pause_after") ?? "";
    const texts = scripts.flatMap(({ text }) => text ?? []);
    context.steps.add({
      title: titleOf(reader),
      actions: [
        ...before,
        ...actionsOf(reader, scripts),
        ...(after === "" ? [] : [pause(sleepText(after))]),
      ],
      environment: {
        ...packerVariables(texts, context),
        ...(execution && sudoVariables(execution, texts, context)),
        ...execution?.environment,
        ...given,
      },
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
  },
};
