/** Flags are parsed as Packer parses them. */
import { describe, expect, it } from "vitest";
import { FlagError, parseFlags } from "../../../../src/cli/packer-shim/flags.js";
import { buildCommand } from "../../../../src/cli/packer-shim/commands/build.js";

const parse = (...args: string[]) => parseFlags(buildCommand.flags, args);
const faultOf = (...args: string[]): string => {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof FlagError) return error.message;
    throw error;
  }
  return "";
};

describe("the flags of packer build", () => {
  it("take one dash or two, and a value after = or as the next word", () => {
    const { values, rest } = parse(
      "-var",
      "a=1",
      "--var=b=2=3",
      "-var-file",
      "x.pkrvars.hcl",
      "-only=qemu.a,qemu.b",
      "--only",
      "qemu.c",
      "-color=false",
      "-force",
      "-on-error=abort",
      "-parallel-builds=2",
      "debian.pkr.hcl",
    );
    expect(values.pairs("var")).toEqual([
      ["a", "1"],
      ["b", "2=3"],
    ]);
    expect(values.texts("var-file")).toEqual(["x.pkrvars.hcl"]);
    expect(values.list("only")).toEqual(["qemu.a", "qemu.b", "qemu.c"]);
    expect(values.isSet("color")).toBe(false);
    expect(values.isSet("force")).toBe(true);
    expect(values.isSet("debug")).toBe(false);
    expect(values.text("on-error")).toBe("abort");
    expect(values.text("parallel-builds")).toBe("2");
    expect(rest).toEqual(["debian.pkr.hcl"]);
  });

  it("end at the first argument, and at --", () => {
    expect(parse("debian.pkr.hcl", "-force")).toMatchObject({ rest: ["debian.pkr.hcl", "-force"] });
    expect(parse("-force", "--", "-debug")).toMatchObject({ rest: ["-debug"] });
    expect(parse("-")).toMatchObject({ rest: ["-"] });
  });

  it("have defaults, and the last value of a switch counts", () => {
    expect(parse().values.isSet("color")).toBe(true);
    expect(parse("-force=true", "-force=0").values.isSet("force")).toBe(false);
    expect(parse("-var", "empty=").values.pairs("var")).toEqual([["empty", ""]]);
  });

  it.each([
    [["-bogus"], "flag provided but not defined: -bogus"],
    [["-var"], "flag needs an argument: -var"],
    [["-var", "who"], `invalid value "who" for flag -var: No '=' value in arg: who`],
    [["-force=maybe"], `invalid boolean value "maybe" for -force: parse error`],
    [["-parallel-builds=x"], `invalid value "x" for flag -parallel-builds: parse error`],
    [
      ["-on-error=foo"],
      `invalid value "foo" for flag -on-error: expected one of ["cleanup" "abort" "ask" "run-cleanup-provisioner"]`,
    ],
    [["---force"], "bad flag syntax: ---force"],
  ])("refuse %j with the words of Packer", (args, message) => {
    expect(faultOf(...args)).toBe(message);
  });

  it("show the help for -h, -help and --help", () => {
    for (const flag of ["-h", "-help", "--help"]) expect(parse(flag).help).toBe(true);
  });
});
