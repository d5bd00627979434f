/** The workflows in docs/ci.md: their shell lines are valid, and so are the commands in them. */
import { readFileSync } from "node:fs";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createRoot } from "../../../src/cli/program.js";

const page = readFileSync(new URL("../../../docs/ci.md", import.meta.url), "utf8");

/** Workflows of the page, by the first line of their blocks. */
const workflows = [...page.matchAll(/^```yaml\n# (.+)\n([\s\S]*?)^```$/gm)].map(
  ([, name = "", text = ""]) => ({ name, text }),
);

/** Keys of GitHub and GitLab whose values are run by a shell. */
const SHELL_KEYS = new Set(["run", "script", "before_script", "after_script"]);

/** Returns the scripts below a value, each with its place. */
function scriptsIn(value: unknown, place = ""): [place: string, script: string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]: [string, unknown]) => {
    const at = place === "" ? key : `${place}.${key}`;
    if (!SHELL_KEYS.has(key)) return scriptsIn(child, at);
    const lines = Array.isArray(child) ? child.map(String) : [String(child)];
    return lines.map((line, index): [string, string] => [`${at}[${index}]`, line]);
  });
}

const scripts = workflows.flatMap(({ name, text }) =>
  scriptsIn(parse(text)).map(([place, script]) => ({ place: `${name}: ${place}`, script })),
);

/** Returns the arguments of each vmbuild command of a script, as far as they are plain words. */
function commandsIn(script: string): string[][] {
  const joined = script.replaceAll(/\\\n/g, " ").replaceAll(/^\s*#.*$/gm, "");
  return [...joined.matchAll(/(?:^|[\s(;|&])vmbuild +([^\n;|&)]*)/g)].map(([, words = ""]) =>
    words.split(/\s+/).filter((word) => word !== "" && !/^\d?>/.test(word)),
  );
}

const root = createRoot(() => {});

/** Returns what is wrong with the arguments of a command; undefined when nothing is. */
function problemOf([name = "", ...args]: readonly string[]): string | undefined {
  const command: CommandUnknownOpts | undefined = root.commands.find((one) => one.name() === name);
  if (!command) return `there is no command ${name}`;
  const flags = args.filter((word) => word.startsWith("-")).map((word) => word.split("=")[0]);
  const known = command.options.flatMap(({ long, short }) => [long, short]);
  const unknown = flags.filter((flag) => !known.includes(flag));
  return unknown.length === 0 ? undefined : `${name} has no option ${unknown.join(", ")}`;
}

it("has a workflow for GitHub and one for GitLab", () => {
  expect(workflows.map(({ name }) => name)).toEqual([
    ...[".github/workflows/images.yml", ".gitlab-ci.yml"],
  ]);
  expect(scripts.length).toBeGreaterThan(10);
});

describe("the shell lines of docs/ci.md", () => {
  it.each(scripts)("$place has valid syntax", async ({ script }) => {
    // A value between ${{ and }} would be pasted into the script.
    expect(script).not.toContain("${{");
    const { stderr, exitCode } = await execa("bash", ["-n"], { input: script, reject: false });
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
  });

  it("use commands and options that exist", () => {
    const commands = scripts.flatMap(({ script }) => commandsIn(script));
    const names = new Set(commands.map(([name]) => name));
    expect(names).toEqual(new Set(["doctor", "list", "outdated", "run", "validate"]));
    expect(commands.map(problemOf).filter(Boolean)).toEqual([]);
    expect(problemOf(["run", "--no-such"])).toBe("run has no option --no-such");
  });

  it("choose what to rebuild from the result of vmbuild outdated", async () => {
    const input = JSON.stringify({
      images: [
        { name: "a", state: "current" },
        { name: "b", state: "outdated" },
      ],
    });
    const filters = scripts.flatMap(({ script }) =>
      [...script.matchAll(/jq -r '([^']+)' outdated\.json/g)].map(([, filter = ""]) => filter),
    );
    expect(filters).toHaveLength(2);
    for (const filter of filters) {
      expect((await execa("jq", ["-r", filter], { input })).stdout).toBe("b");
    }
  });
});
