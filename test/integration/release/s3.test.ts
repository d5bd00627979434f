/** Releases on a stand-in for S3. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { verifyImages } from "../../../src/release/verify.js";
import { downloadImages } from "../../../src/release/download.js";
import { uploadImages } from "../../../src/release/upload.js";
import type { Releasable, UploadImageOptions } from "../../../src/release/upload.js";
import { createReleaseSandbox, hexOf, randomContent } from "../../support/release.js";
import type { ReleaseSandbox } from "../../support/release.js";
import { startS3Server } from "../../support/s3-server.js";
import type { S3Server } from "../../support/s3-server.js";

let server: S3Server;
let box: ReleaseSandbox;
let violations: string[];
/** Versions of the image by the sha256 of their parts, to find mixtures. */
const versionOf = new Map<string, number>();
beforeEach(async () => {
  [server, box] = await Promise.all([startS3Server(), createReleaseSandbox()]);
  violations = [];
  server.onChange = (names) => {
    const parts = names.filter((name) => name.startsWith("vm/latest/demo.qcow2.part"));
    if (names.includes("vm/latest/demo.qcow2") && parts.length > 0)
      violations.push(names.join(" "));
    // Without its index, an incomplete image looks like one of a release without indexes.
    if (parts.length > 0 && !names.includes("vm/latest/demo.qcow2.json"))
      violations.push(`no index: ${names.join(" ")}`);
    const sums = parts.map((name) => server.objects.get(name)?.sha256 ?? "");
    if (new Set(sums.map((sum) => versionOf.get(sum))).size > 1)
      violations.push(`mixture: ${names.join(" ")}`);
  };
  vi.stubEnv("AWS_ENDPOINT_URL", server.origin);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "writer");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await box[Symbol.asyncDispose]();
  if (violations.length > 0) throw new Error(violations.join("\n"));
});

const place = { store: "s3://images/vm" };
const MIB = 2 ** 20;

function upload(images: readonly Releasable[], more: Partial<UploadImageOptions> = {}) {
  return uploadImages(images, { ...place, ...box.context, execute: true, ...more });
}

async function expectReleased(content: Buffer): Promise<void> {
  const folder = join(box.folder, "in");
  const [result] = await downloadImages({ ...place, ...box.context, names: ["demo"], folder });
  expect(result?.error).toBeUndefined();
  expect(hexOf(await box.read("in/demo.qcow2"))).toBe(hexOf(content));
  const names = [...server.objects.keys()];
  expect(names.filter((name) => !name.startsWith("vm/latest/demo.qcow2"))).toEqual([]);
  expect(names).not.toContain("vm/latest/demo.qcow2.lock");
}

const chunksSent = (): number =>
  server.requests.filter((line) => line.startsWith("PUT") && line.includes("partNumber")).length;

describe("releases in S3", () => {
  it("uploads whole images and parts, and only what differs", async () => {
    for (const [version, [size, partSize]] of [
      [5000, 6000] as const,
      [5000, 2000] as const,
      [6000, 2000] as const,
      [4000, 6000] as const,
    ].entries()) {
      const content = randomContent(size);
      for (let at = 0; at < size; at += partSize)
        versionOf.set(hexOf(content.subarray(at, at + partSize)), version);
      const image = await box.image("demo", content);
      expect((await upload([image], { partSize }))[0]?.error).toBeUndefined();
      await expectReleased(content);
      expect((await upload([image], { partSize }))[0]?.outcome).toBe("unchanged");
    }
    expect((await verifyImages({ ...place, ...box.context, names: [] }))[0]?.error).toBeUndefined();
  });

  it("continues a multipart upload with the chunks that are there", async () => {
    const content = randomContent(17 * MIB);
    const image = await box.image("demo", content);
    const refused = { status: 403, code: "AccessDenied" };
    server.inject(/PUT .*partNumber=3/, refused);
    expect((await upload([image]))[0]?.error).toMatchObject({ code: "RELEASE_FAILED" });
    expect(server.objects.has("vm/latest/demo.qcow2")).toBe(false);
    const before = chunksSent();
    expect((await upload([image]))[0]?.outcome).toBe("created");
    expect(chunksSent() - before).toBe(1);
    await expectReleased(content);
    expect(server.uploads.size).toBe(0);
  });

  it("retries after faults, and resumes downloads", async () => {
    const content = randomContent(5000);
    server.inject(/PUT .*upload-/, { status: 503, code: "SlowDown" }, "cut");
    server.inject(/PUT .*lock/, "cut");
    server.inject(/GET .*list-type/, { status: 500, code: "InternalError" });
    await upload([await box.image("demo", content)], { partSize: 2000 });
    server.inject(/GET .*partaa/, "cut");
    await expectReleased(content);
    server.inject(/GET .*partab/, "alter");
    const folder = join(box.folder, "other");
    const [bad] = await downloadImages({ ...place, ...box.context, names: [], folder });
    expect(bad?.error?.code).toBe("INPUT_CHECKSUM");
  });

  it("keeps the old image, and no part of the new one, when a copy fails", async () => {
    const old = randomContent(3000);
    await upload([await box.image("demo", old)], { partSize: 4000 });
    const content = randomContent(9000);
    server.inject(/PUT .*partab/, { status: 403, code: "AccessDenied" });
    const [failed] = await upload([await box.image("demo", content)], { partSize: 4000 });
    expect(failed?.error).toMatchObject({ code: "RELEASE_FAILED" });
    expect([...server.objects.keys()].filter((name) => name.includes(".part"))).toEqual([]);
    const folder = join(box.folder, "old");
    await downloadImages({ ...place, ...box.context, names: ["demo"], folder });
    expect(hexOf(await box.read("old/demo.qcow2"))).toBe(hexOf(old));
    await upload([await box.image("demo", content)], { partSize: 4000 });
    await expectReleased(content);
  });

  it("does not mix two uploads at once", async () => {
    const contents = [randomContent(5000), randomContent(9000)];
    const images: Releasable[] = [];
    for (const [at, content] of contents.entries()) {
      images.push({ ...(await box.image(`copy-${at}`, content)), name: "demo" });
    }
    const results = await Promise.all(images.map((image) => upload([image], { partSize: 2000 })));
    expect(results.flat().map(({ error }) => error)).toEqual([undefined, undefined]);
    const sum = server.objects.get("vm/latest/demo.qcow2.sha256")?.data.toString().slice(0, 64);
    const winner = contents.find((content) => hexOf(content) === sum);
    await expectReleased(winner as Buffer);
  });

  it("explains missing rights and buckets", async () => {
    const image = await box.image("demo", randomContent(50));
    vi.stubEnv("AWS_ACCESS_KEY_ID", "other");
    expect((await upload([image]))[0]?.error?.hint).toContain("AWS_ACCESS_KEY_ID");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "writer");
    const [result] = await upload([image], { store: "s3://nowhere/vm" });
    expect(result?.error).toMatchObject({ code: "RELEASE_FAILED", exitCode: 9 });
    expect(result?.error?.hint).toContain("bucket");
  });
});
