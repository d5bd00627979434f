/** What a stick is made of: sizes, labels, partitions and texts. */
import { describe, expect, it } from "vitest";
import {
  DATA_OFFSET,
  MIB,
  SMALLEST_STICK,
  dataPartition,
  grubMenu,
  partitionTable,
} from "../../../src/stick/layout.js";
import {
  checkArchitecture,
  checkLabel,
  checkPayload,
  stickSize,
} from "../../../src/stick/request.js";
import { defaultSettings, readme, withCarriageReturns } from "../../../src/stick/settings.js";

const GIB = 1024 * MIB;

describe("the size", () => {
  it("leaves room for a larger payload", () => {
    const size = stickSize({}, 4 * GIB);
    expect(dataPartition(size).size).toBeGreaterThanOrEqual(7 * GIB);
    expect(size % MIB).toBe(0);
  });

  it("is the given one in whole MiB", () => {
    expect(stickSize({ size: 8 * GIB + 1 }, 4 * GIB)).toBe(8 * GIB);
  });

  it("is refused where the payload does not fit", () => {
    expect(() => stickSize({ size: 4 * GIB }, 4 * GIB)).toThrow("is too small for the image");
  });
});

describe("the request", () => {
  it("needs a label that every system shows", () => {
    expect(() => checkLabel("CBDEPLOY")).not.toThrow();
    for (const label of ["", "twelve-chars", "a b", "ü"]) {
      expect(() => checkLabel(label)).toThrow("is not a valid label of a stick");
    }
  });

  it("needs an image that the installer recognizes", async () => {
    await expect(checkPayload("/images/node.iso")).rejects.toThrow("does not recognize node.iso");
    await expect(checkPayload("/images/nö.raw")).rejects.toThrow("cannot be a name on the stick");
    await expect(checkPayload("/nowhere/node.raw")).rejects.toThrow("cannot be read");
  });

  it("needs an image for the machines that the stick starts", () => {
    expect(() => checkArchitecture("x86_64")).not.toThrow();
    expect(() => checkArchitecture()).not.toThrow();
    expect(() => checkArchitecture("aarch64")).toThrow("cannot install an image for aarch64");
  });
});

describe("the layout", () => {
  it("has the data partition first in the table and last on the stick", () => {
    const table = partitionTable(SMALLEST_STICK, "installer-1");
    expect(table).toContain(
      `1: start=${DATA_OFFSET / 512}, size=131072, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="installer-1"`,
    );
    expect(DATA_OFFSET + 131_072 * 512 + MIB).toBe(SMALLEST_STICK);
  });

  it("starts the installer with the name of its partition", () => {
    expect(grubMenu("installer-1").match(/installer\.part=installer-1$/gm)).toHaveLength(2);
  });
});

describe("the texts", () => {
  it("have the mode, and line ends that every system shows", async () => {
    const text = await defaultSettings("dry-run");
    expect(text).toContain("\r\nmode = dry-run\r\n");
    expect(text.match(/^mode = /gm)).toHaveLength(1);
    for (const one of [text, await readme()]) expect(one).not.toMatch(/(?<!\r)\n/);
    expect(withCarriageReturns("a\r\nb\n")).toBe("a\r\nb\r\n");
  });
});
