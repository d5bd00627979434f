import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { completionScript } from "../../../src/cli/completion.js";
import { createRoot } from "../../../src/cli/program.js";

const root = createRoot(() => {});
const bash = completionScript("bash", root);

/**
 * Returns bash's completions for the last argument; vmbuild itself is a function with fixed
 * answers.
 */
function offered(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `
    vmbuild() { [[ $2 == --names ]] && printf '%s\\n' one two || printf '%s\\n' demo debian; }
    ${bash}
    COMP_WORDS=(vmbuild ${quoted}) COMP_CWORD=${words.length}
    _vmbuild 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["--norc", "-c", script], { encoding: "utf8", cwd: "/" });
  return output.split("\n").filter((line) => line !== "");
}

describe("bash completion", () => {
  it.each([
    [["va"], ["validate"]],
    [["--v"], ["--version"]],
    [["run", "dem"], ["demo"]],
    [["run", "--acc"], ["--accel"]],
    [
      ["run", "--accel", ""],
      ["kvm", "tcg", "auto"],
    ],
    [["run", "--on-error", "p"], ["pause"]],
    [
      ["logs", ""],
      ["one", "two"],
    ],
    [["ssh", "t"], ["two"]],
    [
      ["checkpoints", ""],
      ["list", "rm", "one", "two"],
    ],
    [["checkpoints", "rm", "--acc"], ["--accel"]],
    [["ssh", "one", "--", ""], []],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["help", "insp"], ["inspect"]],
    [["prune", "--keep", ""], []],
  ])("of %j offers %j", (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });

  it("completes files where files are expected", () => {
    expect(offered("run", "--var-file", "/et")).toEqual(["/etc"]);
    expect(offered("validate", "/et")).toContain("/etc");
  });
});

describe("each completion", () => {
  it.each(["bash", "zsh", "fish"] as const)("for %s has every command and long option", (shell) => {
    const script = completionScript(shell, root);
    for (const command of root.commands) {
      expect(script).toContain(command.name());
      for (const { long } of command.options.filter(({ hidden }) => !hidden)) {
        expect(script).toContain(shell === "fish" ? `-l ${long?.slice(2)}` : long);
      }
    }
  });
});
