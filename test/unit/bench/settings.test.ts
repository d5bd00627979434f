import { describe, expect, it } from "vitest";
import { PARTS, readSettings } from "../../../bench/settings.js";

describe("readSettings", () => {
  it("measures everything three times unless told otherwise", () => {
    expect(readSettings({ ROUNDS: "", ONLY: " " })).toMatchObject({
      rounds: 3,
      parts: new Set(PARTS),
      accelerator: "auto",
      packerSeed: "plain",
    });
  });

  it("takes some parts, with commas or spaces between them", () => {
    expect(readSettings({ ONLY: "hashing, memory" }).parts).toEqual(new Set(["hashing", "memory"]));
  });

  it.each([
    [{ ROUNDS: "0" }, "ROUNDS"],
    [{ ROUNDS: "two" }, "ROUNDS"],
    [{ ONLY: "sleep" }, "ONLY is sleep; it can be builds, packer-template, compaction"],
    [{ ACCEL: "hvf" }, "ACCEL is hvf"],
    [{ PACKER_SEED: "fast" }, "PACKER_SEED is fast"],
  ])("refuses %j", (environment, message) => {
    expect(() => readSettings(environment)).toThrow(message);
  });
});
