/** Separate from the unit tests, because two thousand keys take seconds. */
import { expect, it } from "vitest";
import { makeBuildKeys, publicBlob } from "../../../src/seed/keys.js";

it("makes only keys that OpenSSH can load: 32 bytes, also when the first are zeros", () => {
  // One of ssh2's keys in 256 is a byte too short, so 2,000 keys almost certainly contain one.
  const lengths = Array.from({ length: 1000 }, makeBuildKeys)
    .flatMap(({ client, host }) => [client, host])
    .map((pair) => Buffer.from(publicBlob(pair), "base64").length);
  expect(new Set(lengths)).toEqual(new Set([51]));
});
