/** Every command: its words here, its work in a file that is loaded when it is called. */
import { Option } from "commander";
import type { Command } from "commander";
import { addCompletion, addDoctor, addList, addLogs, addPrune } from "./commands-host.js";
import { addBoot, addMarketplace, addTest, addVerify } from "./commands-image.js";
import { addInit, addInspect, addSchema, addValidate } from "./commands-template.js";
import { addOutputOptions, addTemplateOptions, collect, parseCount } from "./options.js";

/** Adds all commands to the root, in the order in which help lists them. */
export function addCommands(root: Command, setExitCode: (code: number) => void): void {
  addRun(root, setExitCode);
  addSsh(root, setExitCode);
  addCheckpoints(root, setExitCode);
  addBoot(root, setExitCode);
  addTest(root, setExitCode);
  addVerify(root, setExitCode);
  addMarketplace(root, setExitCode);
  addValidate(root, setExitCode);
  addInspect(root, setExitCode);
  addInit(root, setExitCode);
  addDoctor(root, setExitCode);
  addList(root, setExitCode);
  addLogs(root, setExitCode);
  addPrune(root, setExitCode);
  addSchema(root, setExitCode);
  addCompletion(root, setExitCode);
}

function addRun(root: Command, setExitCode: (code: number) => void): void {
  const command = root
    .command("run")
    .description("build the image of one or more templates")
    .argument("<template...>", "paths of templates, or names under appliances/")
    .option(
      "--output <dir>",
      "where the image goes, in place of the template's folder; with several, DIR/NAME",
    )
    .addOption(
      new Option(
        "--on-error <what>",
        "after a failure: end, or leave the machine up until you are done",
      )
        .choices(["fail", "pause"])
        .default("fail"),
    )
    .option("--break <place>", "stop at before:STEP or after:STEP (repeatable)", collect)
    .option("--debug", "stop after every step")
    .option("--parallel <n>", "how many templates to build at the same time", parseCount, 1)
    .option("--force", "everything again, from the base on")
    .option("--from <step>", "this step and all after it again")
    .option("--retry", "the step that failed in the last run again, and all after it")
    .option("--until <step>", "stop after this step and keep its state; make no image")
    .option("--no-checkpoints", "neither use states of earlier runs nor keep any")
    .option("--explain", "say what would be kept and what would run, and why; run nothing")
    .option("--check", "read an image that seems up to date, and compare its sums")
    .option("--offline", "use cached inputs without asking whether they changed")
    .option("--keep-work", "keep the working disk, the seed and the keys")
    .option("--json", "print the result as one JSON object");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
Examples:
  vmbuild run demo
  vmbuild run slm-copilot.json --accel tcg --memory 4G
  vmbuild run demo --break after:packages        then look inside: vmbuild ssh demo
  vmbuild run demo --retry                       the step that failed, from the state before it
  vmbuild run demo --explain                     what would be kept, and what changed
  vmbuild run debian-12 debian-13 --parallel 2 --json`,
  );
  command.action(async (names: string[], flags) => {
    const { run } = await import("./run.js");
    setExitCode(await run(names, flags as Parameters<typeof run>[1]));
  });
}

function addSsh(root: Command, setExitCode: (code: number) => void): void {
  root
    .command("ssh")
    .description("go into a build that runs, is paused or failed, or run one command there")
    .argument("[name]", "the build; the only one with a machine up, unless given")
    .argument("[command...]", "a command, after --; its exit code is passed on")
    .option("--step <step>", "open the machine as it was after this step")
    .option("--save", "keep what is changed there; otherwise it is gone afterwards")
    .option("--keep", "leave a paused run paused afterwards")
    .option("--release", "let a paused run go on: after the command, or without going in")
    .addHelpText(
      "after",
      `
A paused run (--break, --debug, --on-error pause) goes on when an interactive session ends.
Without a run, the machine is opened as it failed, or as the last step left it.

Examples:
  vmbuild ssh                       into the only one
  vmbuild ssh demo                  a shell in demo's guest
  vmbuild ssh demo -- journalctl -b    one command
  vmbuild ssh demo --step packages     the machine as it was after that step`,
    )
    .action(async (name: string | undefined, words: string[], flags) => {
      const { ssh } = await import("./ssh.js");
      setExitCode(await ssh(name, words, flags as Parameters<typeof ssh>[2]));
    });
}

function addCheckpoints(root: Command, setExitCode: (code: number) => void): void {
  const command = root
    .command("checkpoints")
    .description("list a build's checkpoints, or remove some")
    .argument("<name>", "a template, or the name of a build")
    .argument("[rm...]", "rm, or rm STEP...: remove all, or those of these steps")
    .option("--json", "print one JSON object");
  addTemplateOptions(command);
  command.addHelpText(
    "after",
    `
Each is the state of the whole machine after a step, memory included, so it may hold secrets.

Examples:
  vmbuild checkpoints demo
  vmbuild checkpoints demo rm site       that one, and what was made on top of it
  vmbuild checkpoints demo rm            all of them`,
  );
  command.action(async (name: string, words: string[], flags) => {
    const { checkpoints } = await import("./checkpoints.js");
    const [rm, ...steps] = words;
    setExitCode(await checkpoints(name, rm, steps, flags as Parameters<typeof checkpoints>[3]));
  });
}
