/** Replacement of an image in a folder that fails half-way. */
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { uploadImages } from "../../../../src/release/upload.js";
import { createReleaseSandbox, hexOf, randomContent } from "../../../support/release.js";

it("keeps the old image, and no part of the new one, when a name cannot be given", async () => {
  await using box = await createReleaseSandbox();
  const store = join(box.folder, "store");
  const upload = async (content: Buffer) => {
    const images = [await box.image("demo", content)];
    const options = { store, ...box.context, execute: true, partSize: 4000 };
    return (await uploadImages(images, options))[0];
  };
  const release = join(store, "latest");
  const files = async () => (await readdir(release)).filter((name) => name !== "demo.qcow2.partab");
  const old = randomContent(3000);
  await upload(old);
  const before = await files();
  // A folder is no asset, and no file can get its name.
  await mkdir(join(release, "demo.qcow2.partab"));
  const content = randomContent(9000);
  expect((await upload(content))?.error).toMatchObject({ code: "RELEASE_FAILED" });
  expect(await files()).toEqual(before);
  expect(hexOf(await box.read("store/latest/demo.qcow2"))).toBe(hexOf(old));

  await rmdir(join(release, "demo.qcow2.partab"));
  expect((await upload(content))?.outcome).toBe("replaced");
  const parts = ["aa", "ab", "ac"].map((end) => `demo.qcow2.part${end}`);
  expect((await readdir(release)).toSorted()).toEqual(
    ["demo.qcow2.json", ...parts, "demo.qcow2.sha256"].toSorted(),
  );
});
