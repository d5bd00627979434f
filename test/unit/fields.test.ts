import { describe, expect, it } from "vitest";
import {
  checksum,
  commands,
  duration,
  environment,
  fileMode,
  guestPath,
  identifier,
  parseDuration,
  parseSize,
  size,
} from "../../src/fields.js";

const GIB = 2 ** 30;

describe("parseSize", () => {
  it.each([
    ["16G", 16 * GIB],
    ["50GiB", 50 * GIB],
    ["50gb", 50 * GIB],
    ["512M", 512 * 2 ** 20],
    ["4 K", 4096],
    ["1.5T", 1.5 * 2 ** 40],
    ["1.1G", Math.round(1.1 * GIB)],
    ["1000", 1000],
    ["1000B", 1000],
    [" 8G ", 8 * GIB],
  ])("%j is %i bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "G", "0", "0G", "-1G", "1.5", "5iB", "1e3", "16X", "16 G B", "9999999T", "1,5G"])(
    "%j is not a size",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});

describe("parseDuration", () => {
  it.each([
    ["90s", 90_000],
    ["30m", 1_800_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    ["500ms", 500],
    ["2D", 172_800_000],
    ["1.5h", 5_400_000],
    ["0.5s", 500],
  ])("%j is %i ms", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(["", "30", "m", "-5s", "1h30", "5 minutes", "1,5h", "s30"])(
    "%j is not a duration",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe("the fields of templates", () => {
  it("parse to bytes and milliseconds", () => {
    expect(size.parse("1K")).toBe(1024);
    expect(size.parse(2048)).toBe(2048);
    expect(duration.parse("2s")).toBe(2000);
    expect(fileMode.parse("0644")).toBe(0o644);
    expect(commands.parse("true")).toEqual(["true"]);
    expect(environment.parse({ A: 1, B: true, C: "x" })).toEqual({ A: "1", B: "true", C: "x" });
  });

  it.each([
    [size, "big", '"big" is not a valid size; use for example "16G" or "512M"'],
    [duration, "30", '"30" is not a valid duration; use for example "90s", "30m" or "1h30m"'],
    [duration, "25d", '"25d" exceeds 24 days; use for example "90s", "30m" or "1h30m"'],
    [guestPath, "etc/x", "a path in the guest must be absolute"],
    [fileMode, "rw", 'a mode is an octal string, such as "0644"'],
  ])("say what is wrong with %#", (field, value, message) => {
    expect(field.safeParse(value).error?.issues[0]?.message).toBe(message);
  });

  it.each(["demo", "a", "1-2_3.x", "x".repeat(64)])("%j is a name", (name) => {
    expect(identifier.safeParse(name).success).toBe(true);
  });

  it.each(["", "..", ".x", "-x", "a/b", "a b", "x".repeat(65), "ü", "a\n"])(
    "%j is not a name",
    (name) => {
      expect(identifier.safeParse(name).success).toBe(false);
    },
  );

  it.each([`sha256:${"a".repeat(64)}`, `md5:${"0".repeat(32)}`, "none", "file:https://x/SUMS"])(
    "%j is a checksum",
    (text) => {
      expect(checksum.safeParse(text).success).toBe(true);
    },
  );

  it.each(["", "sha256:abc", `sha256:${"g".repeat(64)}`, "a".repeat(64), "file:"])(
    "%j is not a checksum",
    (text) => {
      expect(checksum.safeParse(text).success).toBe(false);
    },
  );
});
