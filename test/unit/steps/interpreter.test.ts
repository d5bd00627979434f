import { describe, expect, it } from "vitest";
import { interpreterOf, syntaxCheckOf } from "../../../src/steps/interpreter.js";

describe("interpreterOf", () => {
  it.each([
    ["#!/bin/bash\n", ["/bin/bash"]],
    ["#!/bin/bash", ["/bin/bash"]],
    ["#! /bin/sh -e\n", ["/bin/sh", "-e"]],
    ["#!/bin/sh -e -u\n", ["/bin/sh", "-e -u"]],
    ["#!/usr/bin/env python3\n", ["/usr/bin/env", "python3"]],
    ["#!/usr/bin/env -S bash -eu\n", ["/usr/bin/env", "bash", "-eu"]],
    ["#!/bin/bash -e  \r\n", ["/bin/bash", "-e"]],
    ["#!/bin/bash\r\n", ["/bin/bash"]],
    ["echo no first line of that kind\n", ["/bin/sh"]],
    ["# !/bin/bash\n", ["/bin/sh"]],
    ["\n#!/bin/bash\n", ["/bin/sh"]],
    ["#!\n", ["/bin/sh"]],
    ["", ["/bin/sh"]],
  ])("of %j is %j", (content, words) => {
    expect(interpreterOf(Buffer.from(content))).toEqual(words);
  });
});

describe("syntaxCheckOf", () => {
  it.each([
    [["/bin/sh"], ["sh", "-n"]],
    [
      ["/bin/bash", "-eu"],
      ["bash", "-n"],
    ],
    [
      ["/usr/bin/env", "bash"],
      ["bash", "-n"],
    ],
    [
      ["/usr/bin/env", "-S", "zsh"],
      ["zsh", "-n"],
    ],
    [
      ["/usr/bin/perl", "-w"],
      ["perl", "-c"],
    ],
    [["/usr/bin/ruby"], ["ruby", "-c"]],
  ])("of %j is %j", (interpreter, words) => {
    expect(syntaxCheckOf(interpreter)).toEqual(words);
  });

  it("parses Python without running it", () => {
    expect(syntaxCheckOf(["/usr/bin/env", "python3"])?.slice(0, 2)).toEqual(["python3", "-c"]);
  });

  it.each([[["/usr/bin/awk", "-f"]], [["/opt/own/interpreter"]], [[]]])(
    "cannot check for %j",
    (interpreter) => expect(syntaxCheckOf(interpreter)).toBeUndefined(),
  );
});
