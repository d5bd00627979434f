/** Memory of uploads and downloads of images that GitHub takes in parts only. */
import { expect, it } from "vitest";
import { measureTransfer } from "../support/transfer-memory.js";

it("is at most 150 MiB for a sparse image of 5 GiB", async () => {
  const { upload, download } = await measureTransfer(2 * 2 ** 30 - 2);
  expect(upload).toBeLessThanOrEqual(150);
  expect(download).toBeLessThanOrEqual(150);
});
