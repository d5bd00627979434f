/** The commands about this host: their words; their work is in a file of their own each. */
import { Argument, Option } from "commander";
import type { Command } from "commander";
import { addOutputOptions, addTemplateOptions, parseCount } from "./options.js";
import { COLOR_CHOICES } from "./output.js";

type SetExitCode = (code: number) => void;

/** Adds `doctor`. */
export function addDoctor(root: Command, setExitCode: SetExitCode): void {
  const command = root
    .command("doctor")
    .description("show what this host lacks, what that costs, and what mends it")
    .argument("[template]", "look only at what this template needs")
    .option("--json", "print the checks as one JSON object");
  addTemplateOptions(command);
  addOutputOptions(command).addHelpText(
    "after",
    `
Without a template the job is the default one, a guest under KVM: where KVM cannot be used, that
is a failure (--accel tcg or auto makes it none). Exit code 3 when the job cannot run.

Examples:
  vmbuild doctor
  vmbuild doctor demo
  vmbuild doctor --accel tcg --json`,
  );
  command.action(async (name: string | undefined, flags) => {
    const { doctor } = await import("./doctor.js");
    setExitCode(await doctor(name, flags as Parameters<typeof doctor>[1]));
  });
}

/** Adds `list`. */
export function addList(root: Command, setExitCode: SetExitCode): void {
  root
    .command("list")
    .description("list the builds of this host, and how their last runs went")
    .option("--json", "print the list as one JSON object")
    .option("--names", "print the builds' names alone")
    .option("--templates", "print the names that can be run from this folder")
    .option("--appliances <dir>", "where --templates looks")
    .addHelpText(
      "after",
      `
IMAGE is the size of the newest artifact, WORK what logs and working disks take.

Examples:
  vmbuild list
  vmbuild list --json | jq -r '.builds[] | select(.state == "failed").name'`,
    )
    .action(async (flags) => {
      const { list } = await import("./list.js");
      setExitCode(await list(flags as Parameters<typeof list>[0]));
    });
}

/** Adds `logs`. */
export function addLogs(root: Command, setExitCode: SetExitCode): void {
  root
    .command("logs")
    .description("show what a run did, its guest's console, or a step's output")
    .argument("<name>", "the build")
    .option(
      "--run <id>",
      "the run, by its id or the beginning or end of it; the last one unless given",
    )
    .option("--console", "the guest's console, from its first byte")
    .option("--step <step>", "what a step printed; its name or number")
    .option("--qemu", "QEMU's own words")
    .option("--json", "the run's events as they were recorded, one JSON object a line")
    .option("-f, --follow", "go on until the run ends")
    .addOption(new Option("--color <when>", "colours").choices(COLOR_CHOICES).default("auto"))
    .addHelpText(
      "after",
      `
Examples:
  vmbuild logs demo
  vmbuild logs demo --follow
  vmbuild logs demo --console | less
  vmbuild logs demo --step packages --run 20260214-170400-3f9a1c`,
    )
    .action(async (name: string, flags) => {
      const { logs } = await import("./logs.js");
      setExitCode(await logs(name, flags as Parameters<typeof logs>[1]));
    });
}

/** Adds `prune`. */
export function addPrune(root: Command, setExitCode: SetExitCode): void {
  root
    .command("prune")
    .description("free what runs left: old logs, stale sockets, old caches")
    .option("--keep <n>", "how many runs of each build keep their logs", parseCount, 5)
    .option(
      "--older-than <time>",
      "remove caches and checkpoints that were not used for so long",
      "30d",
    )
    .option("--max-size <size>", "then the least recently used, until the caches fit", "20G")
    .option("--all", "remove all caches, and the working disks of runs that are over")
    .option("--dry-run", "only say what would go")
    .option("--json", "print what went as one JSON object")
    .addHelpText(
      "after",
      `
What a running build uses stays, and so do finished images.

Examples:
  vmbuild prune --dry-run
  vmbuild prune --older-than 7d --max-size 5G
  vmbuild prune --all --keep 1`,
    )
    .action(async (flags) => {
      const { prune } = await import("./prune.js");
      setExitCode(await prune(flags as Parameters<typeof prune>[0]));
    });
}

/** Adds `completion`. */
export function addCompletion(root: Command, setExitCode: SetExitCode): void {
  root
    .command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  source <(vmbuild completion bash)                       in ~/.bashrc
  source <(vmbuild completion zsh)                        in ~/.zshrc, after compinit
  vmbuild completion fish >~/.config/fish/completions/vmbuild.fish`,
    )
    .action(async (shell: string) => {
      const { completion } = await import("./completion.js");
      setExitCode(completion(shell as Parameters<typeof completion>[0], root));
    });
}
