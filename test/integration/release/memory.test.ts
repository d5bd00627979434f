/** Memory of uploads and downloads, which does not depend on the size of an image. */
import { expect, it } from "vitest";
import { measureTransfer } from "../../support/transfer-memory.js";

it("is at most 150 MiB for a sparse image of 320 MiB", async () => {
  const { upload, download } = await measureTransfer(128 * 2 ** 20);
  expect(upload).toBeLessThanOrEqual(150);
  expect(download).toBeLessThanOrEqual(150);
}, 600_000);
