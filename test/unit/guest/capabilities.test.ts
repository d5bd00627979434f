import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  PROBE,
  RESCUE_SERVER_LINE,
  lostFeatures,
  parseCapabilities,
  readCapabilities,
} from "../../../src/guest/capabilities.js";

const said = (...words: string[]): string[] => words.map((text) => `vmbuild-capability ${text}`);

describe("parseCapabilities", () => {
  it("reads a guest of a cloud image", () => {
    const programs = ["bash", "fstrim", "getent", "perl", "python3", "sha256sum", "tar"];
    const lines = said(...programs.map((name) => `program ${name}`), "init systemd", "boot-id");
    const capabilities = parseCapabilities([...lines, RESCUE_SERVER_LINE], "sudo");
    expect(capabilities).toEqual({
      init: "systemd",
      privilege: "sudo",
      rescueServer: true,
      bootId: true,
      programs,
    });
    expect(lostFeatures(capabilities)).toEqual([]);
  });

  it("ignores other lines, and takes what is not reported as missing", () => {
    const lines = ["Welcome", "program tar", "vmbuild-capability program emacs", "closed"];
    const capabilities = parseCapabilities(lines, "root");
    expect(capabilities).toMatchObject({ init: "other", rescueServer: false, programs: [] });
  });
});

it("reports each lost feature once, and nothing about programs that have a substitute", () => {
  const none = parseCapabilities([], "doas");
  const subjects = [/OpenSSH/, /boot ID/, /sha256sum/, /tar/, /fstrim/];
  expect(lostFeatures(none)).toHaveLength(subjects.length);
  for (const [index, subject] of subjects.entries()) {
    expect(lostFeatures(none)[index]).toMatch(subject);
  }
});

it("reads what a checkpoint recorded, and nothing from records without it", () => {
  const capabilities = parseCapabilities(said("boot-id", "program tar"), "doas");
  expect(readCapabilities(JSON.parse(JSON.stringify(capabilities)))).toEqual(capabilities);
  expect(readCapabilities(undefined)).toBeUndefined();
  expect(readCapabilities({ init: "a newer kind" })).toBeUndefined();
});

it("probes this host", () => {
  const lines = execFileSync("/bin/sh", { input: PROBE, encoding: "utf8" }).split("\n");
  const { bootId, programs } = parseCapabilities(lines, "root");
  expect(bootId).toBe(true);
  expect(programs).toEqual(expect.arrayContaining(["bash", "sha256sum", "tar"]));
});
