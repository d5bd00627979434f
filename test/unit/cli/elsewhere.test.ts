import { Command } from "@commander-js/extra-typings";
import { expect, it } from "vitest";
import { givenOptions, optionWords } from "../../../src/cli/elsewhere.js";
import { collect, parseCount } from "../../../src/cli/options.js";

/** Parses words with options of each form, and returns them as they are passed on. */
function passedOn(...words: string[]): string[] {
  const command = new Command("run")
    .argument("[name...]")
    .option("--on <host>", "a value")
    .option("-f, --follow", "a switch")
    .option("--no-bases", "a negated switch")
    .option("--var <name=value>", "repeatable", collect)
    .option("--parallel <n>", "a number", parseCount, 1)
    .option("--color <when>", "a default", "auto");
  command.parse(words, { from: "user" });
  return optionWords(givenOptions(command));
}

it("passes on the options that were given, with all their values", () => {
  expect(passedOn("demo")).toEqual([]);
  expect(
    passedOn("-f", "--no-bases", "--var", "a=b c", "--var=d==", "--parallel", "2", "demo"),
  ).toEqual(["--follow", "--no-bases", "--var=a=b c", "--var=d==", "--parallel=2"]);
  expect(passedOn("--on", "x", "--color=auto", "--", "-f")).toEqual(["--on=x", "--color=auto"]);
});
