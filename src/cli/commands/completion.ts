/** Defines the `completion` command. */
import { Argument, Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";

export const completion: DefineCommand = (setExitCode, root) =>
  new Command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"] as const))
    .addHelpText(
      "after",
      `
Examples:
  source <(vmbuild completion bash)                       in ~/.bashrc
  source <(vmbuild completion zsh)                        in ~/.zshrc, after compinit
  vmbuild completion fish >~/.config/fish/completions/vmbuild.fish`,
    )
    .action(async (shell) => {
      const work = await import("../completion.js");
      setExitCode(work.completion(shell, root));
    });
