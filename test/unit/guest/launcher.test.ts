import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { commandLine, shellProgram } from "../../../src/guest/launcher.js";

const SCRIPT = `text='it'"'"'s $HOME "x" !! \\\\ \\n' # ö
printf '%s|' "$text" "$(echo "\`echo deep\`")" 50% '\\047'
cat
`;

describe("commandLine", () => {
  it("is one line without characters that login shells interpret in quotes", () => {
    const line = commandLine(SCRIPT, "root");
    expect(line).toMatch(/^exec \/bin\/sh -c '[^'\n!`]*'$/);
    // Each backslash begins an octal number: fish replaces others inside quotes.
    expect(line.replaceAll(/\\0[0-7]{3}/g, "")).not.toContain("\\");
  });

  it("has the meaning of the script, which gets the input", () => {
    const wanted = execFileSync("/bin/sh", ["-c", SCRIPT], { input: "data", encoding: "utf8" });
    const line = commandLine(SCRIPT, "root");
    const found = execFileSync("/bin/sh", ["-c", line], { input: "data", encoding: "utf8" });
    expect(found).toBe(wanted);
    expect(found).toMatch(/ö|it's/);
    expect(found.endsWith("|data")).toBe(true);
  });

  it.each([
    ["root", "exec /bin/sh"],
    ["sudo", "exec sudo -n /bin/sh"],
    ["doas", "exec doas -n /bin/sh"],
  ] as const)("becomes root as %s", (privilege, start) => {
    expect(shellProgram(privilege)).toBe(start);
    expect(commandLine("true", privilege)).toBe(`${start} -c 'eval "$(printf %b "true")"'`);
  });
});
