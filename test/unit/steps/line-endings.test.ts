import { describe, expect, it } from "vitest";
import { isShell, lineEndingsOf } from "../../../src/steps/line-endings.js";

describe("lineEndsOf", () => {
  it.each([
    ["", "unix"],
    ["a\nb\n", "unix"],
    ["a\rb\n", "unix"],
    ["#!/bin/sh\r\ntrue\r\n", "windows"],
    ["true\r", "windows"],
    ["\r\ntrue\n", "windows"],
    ["cat <<X\nGET / HTTP/1.1\r\nX\n", "mixed"],
    ["a\nb\r", "mixed"],
  ])("of %j are those of %s", (text, ends) => {
    expect(lineEndingsOf(text)).toBe(ends);
    expect(lineEndingsOf(Buffer.from(text))).toBe(ends);
  });
});

describe("isShell", () => {
  it.each([
    [["/bin/sh"], true],
    [["/usr/bin/env", "bash"], true],
    [["/bin/bash", "-eu"], true],
    [["/bin/busybox", "sh"], true],
    [["/usr/bin/env", "-i", "zsh"], true],
    [["/usr/bin/python3"], false],
    [["/usr/bin/env", "perl", "-w"], false],
  ])("%j: %j", (interpreter, expected) => {
    expect(isShell(interpreter)).toBe(expected);
  });
});
