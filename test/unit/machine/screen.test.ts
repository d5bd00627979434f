import { inflateSync, crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { encodePng } from "../../../src/machine/png.js";
import { differingPixels, isBlank, parsePpm } from "../../../src/machine/screen.js";
import type { Screen } from "../../../src/machine/screen.js";

/** Returns a screen whose bytes are those of a function of the position. */
function screenOf(width: number, height: number, byteAt: (at: number) => number): Screen {
  const bytes = Uint8Array.from({ length: width * height * 3 }, (_, at) => byteAt(at));
  return { width, height, pixels: Buffer.from(bytes) };
}

/** Decodes a PNG as the standard describes it, with checksums. Only what the encoder writes. */
function decodePng(file: Buffer): Screen {
  expect(file.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString("latin1", 0, 4), body.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
  const header = chunks.get("IHDR") ?? Buffer.alloc(13);
  expect([...header.subarray(8)]).toEqual([8, 2, 0, 0, 0]);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(chunks.get("IDAT") ?? Buffer.alloc(0));
  const size = width * 3 + 1;
  expect(rows).toHaveLength(size * height);
  const pixels = Array.from({ length: height }, (_, row) => {
    expect(rows[row * size]).toBe(0);
    return rows.subarray(row * size + 1, (row + 1) * size);
  });
  return { width, height, pixels: Buffer.concat(pixels) };
}

describe("encodePng", () => {
  it.each([
    [1, 1],
    [3, 2],
    [720, 400],
  ])("encodes %i by %i pixels, which a decoder reads back", async (width, height) => {
    const screen = screenOf(width, height, (at) => (at * 7919) % 251);
    const file = await encodePng(screen);
    const decoded = decodePng(file);
    expect(decoded).toMatchObject({ width, height });
    expect(decoded.pixels.equals(screen.pixels)).toBe(true);
    expect(file.equals(await encodePng(screen))).toBe(true);
  });
});

describe("parsePpm", () => {
  it("reads QEMU's files, also where the first pixels look like white space", () => {
    const pixels = Buffer.from("\n 1255ab", "latin1");
    const file = Buffer.concat([Buffer.from("P6\n1 2\n255\n"), pixels.subarray(0, 6)]);
    expect(parsePpm(file)).toEqual({ width: 1, height: 2, pixels: pixels.subarray(0, 6) });
  });

  it.each(["", "P6\n2 2\n255\nabc", "P3\n1 1\n255\n1 2 3", "P6\n1 1\n65535\nabcdef"])(
    "refuses %j",
    (text) => {
      expect(() => parsePpm(Buffer.from(text))).toThrow("QEMU did not write the screen");
    },
  );
});

describe("differingPixels", () => {
  const black = screenOf(10, 4, () => 0);

  it("counts pixels, not colors", () => {
    const pixels = Buffer.from(black.pixels);
    pixels.set([1, 2, 3], 0);
    pixels.set([9], 119);
    expect(differingPixels(black, { ...black, pixels })).toBe(2);
    expect(differingPixels(black, black)).toBe(0);
  });

  it("counts all pixels when the sizes differ", () => {
    expect(
      differingPixels(
        black,
        screenOf(4, 10, () => 0),
      ),
    ).toBe(40);
    expect(
      differingPixels(
        screenOf(2, 2, () => 0),
        black,
      ),
    ).toBe(40);
  });

  it("knows a blank screen", () => {
    expect(isBlank(black)).toBe(true);
    expect(isBlank(screenOf(10, 4, (at) => [10, 20, 30][at % 3] ?? 0))).toBe(true);
    expect(isBlank(screenOf(10, 4, (at) => (at === 60 ? 1 : 0)))).toBe(false);
    expect(isBlank(screenOf(1, 1, (at) => at))).toBe(true);
  });
});
