/** Defines the `context` command and its subcommands. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand, SetExitCode } from "./define.js";

const EXAMPLES = `
A context is a name for another host. The commands with --on work on the context in use, unless
--on names another one; "local" is this host.

Examples:
  vmbuild context add builder ssh://me@builder.example.org
  vmbuild run demo --on builder
  vmbuild context use builder
  vmbuild context use local`;

function defineAdd(setExitCode: SetExitCode) {
  return new Command("add")
    .description("add a context, or change its address")
    .argument("<name>", "its name")
    .argument("<address>", "ssh://USER@HOST:PORT/PATH")
    .action(async (name, address) => {
      const work = await import("../context.js");
      setExitCode(await work.add(name, address));
    });
}

function defineUse(setExitCode: SetExitCode) {
  return new Command("use")
    .description("work on a context from now on")
    .argument("<name>", 'its name, or "local"')
    .action(async (name) => {
      const work = await import("../context.js");
      setExitCode(await work.use(name));
    });
}

function defineList(setExitCode: SetExitCode) {
  return new Command("list")
    .description("list the contexts; * marks the one in use")
    .option("--json", "print the list as one JSON object")
    .action(async (flags) => {
      const work = await import("../context.js");
      setExitCode(await work.list(flags));
    });
}

function defineRm(setExitCode: SetExitCode) {
  return new Command("rm")
    .description("remove a context; what is on its host stays")
    .argument("<name>", "its name")
    .action(async (name) => {
      const work = await import("../context.js");
      setExitCode(await work.remove(name));
    });
}

function defineServe(setExitCode: SetExitCode) {
  return new Command("serve")
    .description("answer the vmbuild of another host, which starts this command by SSH")
    .action(async () => {
      const work = await import("../context.js");
      setExitCode(await work.serveHost());
    });
}

export const context: DefineCommand = (setExitCode) =>
  new Command("context")
    .description("name other hosts for --on")
    .usage("add|use|list|rm [options]")
    .helpCommand(false)
    .addCommand(defineAdd(setExitCode))
    .addCommand(defineUse(setExitCode))
    .addCommand(defineList(setExitCode))
    .addCommand(defineRm(setExitCode))
    .addCommand(defineServe(setExitCode), { hidden: true })
    .addHelpText("after", EXAMPLES);
