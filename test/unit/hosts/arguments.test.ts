import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { GivenOption } from "../../../src/cli/elsewhere.js";
import { hostArguments, inputsOfEnvironment } from "../../../src/cli/host-arguments.js";

const option = (key: string, flag: string, value?: string): GivenOption => ({ key, flag, value });

describe("hostArguments", () => {
  it("translates paths, and leaves out what only this side uses", () => {
    const { words, paths } = hostArguments([
      option("on", "--on", "builder"),
      option("output", "--output", "out"),
      option("detach", "--detach"),
      option("var", "--var", "a=/b"),
      option("varFile", "--var-file", "values.json"),
      option("input", "--input", "tool=bin/a=b"),
      option("base", "--base", "bootstrap:trixie"),
      option("appliances", "--appliances", "images"),
      option("include", "--include", "lib"),
      option("force", "--force"),
    ]);
    expect(words).toEqual([
      { text: "--var=a=/b" },
      { text: "--var-file=", path: resolve("values.json") },
      { text: "--input=tool=", path: resolve("bin/a=b") },
      { text: "--base=bootstrap:trixie" },
      { text: "--appliances=", path: resolve("images") },
      { text: "--force" },
    ]);
    // The whole folder of appliances is not sent.
    expect(paths).toEqual(["lib", "values.json", "bin/a=b"].map((path) => resolve(path)));
  });

  it.each([
    ["leaseFile", "--lease-file"],
    ["release", "--release"],
    ["commitManifest", "--commit-manifest"],
    ["leaseConnection", "--lease-connection"],
    ["explain", "--explain"],
    ["all", "--all"],
  ])("refuses %s", (key, flag) => {
    expect(() => hostArguments([option(key, flag, "x")])).toThrow(
      `${flag} cannot be used with --on`,
    );
  });
});

it("takes inputs from the environment unless --input names them", () => {
  const inputs = { tool: { env: "TOOL" }, data: { env: "DATA" }, other: { env: "NONE" }, x: {} };
  const given = [option("input", "--input", "data=d")];
  const environment = { TOOL: "t", DATA: "d2", NONE: "" };
  expect(inputsOfEnvironment(inputs, given, environment)).toEqual([
    option("input", "--input", "tool=t"),
  ]);
});
