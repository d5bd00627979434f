import { describe, expect, it } from "vitest";
import { formatSizes } from "../../../src/host/format.js";
import { SIZE_RANGES, readSize } from "../../../src/sizes.js";
import { parseOverride } from "../../../src/template/overrides.js";
import { load, loadError, templateText } from "./support.js";

const GIB = 2 ** 30;

describe("readSize", () => {
  it.each([
    [2048, '2048 has no unit and means 2048 bytes; did you mean "2048M"?'],
    ["2048", '"2048" has no unit and means 2048 bytes; did you mean "2048M"?'],
    ["2048B", '"2048B" has no unit and means 2048 bytes; did you mean "2048M"?'],
    [16, '16 has no unit and means 16 bytes; did you mean "16G"?'],
    [1.5, '1.5 has no unit and means 1.5 bytes; did you mean "1.5G"?'],
    [2_097_152, '2097152 has no unit and means 2097152 bytes; did you mean "2097152K"?'],
    ["2048K", '"2048K" means 2 MiB; the minimum is 16 MiB; did you mean "2048M"?'],
    ["2147483648M", '"2147483648M" means 2 PiB; the maximum is 64 TiB; did you mean "2147483648"?'],
    [0, '0 has no unit and means 0 bytes; use for example "16G" or "512M"'],
    ["16777215", '"16777215" has no unit and means 16777215 bytes; did you mean "16777215K"?'],
    [-2048, '-2048 is not a valid size; use for example "16G" or "512M"'],
    ["2,048M", '"2,048M" is not a valid size; use for example "16G" or "512M"'],
  ])("refuses %j for memory", (value, problem) => {
    expect(readSize(value, SIZE_RANGES.memory)).toEqual({ problem });
  });

  it.each([
    [2 * GIB, 2 * GIB],
    ["2147483648", 2 * GIB],
    ["2 gib", 2 * GIB],
    ["16M", 16 * 2 ** 20],
  ])("takes %j", (value, bytes) => {
    expect(readSize(value, SIZE_RANGES.memory)).toEqual({ bytes });
  });
});

/** Every field that is a size, with a number as Packer and others write it. */
describe("a template's sizes", () => {
  it.each([
    [
      { machine: { memory: 2048 } },
      'machine.memory: 2048 has no unit and means 2048 bytes; did you mean "2048M"?',
    ],
    [
      { machine: { disk: 40_000 } },
      'machine.disk: 40000 has no unit and means 40000 bytes; did you mean "40000M"?',
    ],
    [
      { machine: { disk: "50" } },
      'machine.disk: "50" has no unit and means 50 bytes; did you mean "50G"?',
    ],
    [
      { variables: { m: { default: 4096 } }, machine: { memory: "${var.m}" } },
      'machine.memory: 4096 has no unit and means 4096 bytes; did you mean "4096M"?',
    ],
    [
      { base: { bootstrap: { suite: "bookworm", size: 3 } } },
      'base.bootstrap.size: 3 has no unit and means 3 bytes; did you mean "3G"?',
    ],
    [
      { checkpoints: { size: 20 } },
      'checkpoints.size: 20 has no unit and means 20 bytes; did you mean "20G"?',
    ],
    [
      { acceptance: { boot: { memory: 1024 }, checks: [{ name: "a", run: "true" }] } },
      'acceptance.boot.memory: 1024 has no unit and means 1024 bytes; did you mean "1024M"?',
    ],
  ])("%j is refused with the spelling that was meant", async (more, line) => {
    const { code, lines } = await loadError(templateText(more));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines.map((text) => text.replace(/^.*t\.json:\d+:\d+: /, ""))).toEqual([line]);
  });

  it("are refused as options too", async () => {
    const overrides = [
      parseOverride("machine.disk=10"),
      { path: ["machine", "memory"], value: "2048", source: "--memory" },
    ];
    const { lines } = await loadError(templateText(), { overrides });
    expect(lines.toSorted()).toEqual([
      '--memory: machine.memory: "2048" has no unit and means 2048 bytes; did you mean "2048M"?',
      '--set machine.disk: machine.disk: 10 has no unit and means 10 bytes; did you mean "10G"?',
    ]);
  });

  it("stay as they are where they are bytes in full", async () => {
    const { machine } = await load(templateText({ machine: { memory: 2 * GIB } }));
    expect(machine.memory).toBe(2 * GIB);
  });
});

describe("formatSizes", () => {
  it.each([
    [
      [16 * GIB, 8 * GIB],
      ["16 GiB", "8 GiB"],
    ],
    [
      [16 * GIB, 16 * GIB],
      ["16 GiB", "16 GiB"],
    ],
    [
      [16 * GIB, 15.96 * GIB],
      ["16 GiB", "15.9 GiB"],
    ],
    [
      [16 * GIB, 16.04 * GIB],
      ["16 GiB", "16.04 GiB"],
    ],
    [
      [GIB, GIB - 1],
      ["1 GiB", "1023.9 MiB"],
    ],
    [
      [GIB + 1, GIB],
      ["1073741825 bytes", "1073741824 bytes"],
    ],
  ])("%j as %j", (sizes, texts) => {
    expect(formatSizes(...sizes)).toEqual(texts);
  });
});
