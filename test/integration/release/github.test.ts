/** Releases on a stand-in for GitHub: uploads, renames, downloads, and faults of each. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkImages, listImages } from "../../../src/release/catalog.js";
import { downloadImages } from "../../../src/release/download.js";
import { removeImages } from "../../../src/release/remove.js";
import { formatTofu } from "../../../src/release/tofu.js";
import { uploadImages } from "../../../src/release/upload.js";
import type { Releasable, UploadImageOptions } from "../../../src/release/upload.js";
import { verifyImages } from "../../../src/release/verify.js";
import { startGithubServer } from "../../support/github-server.js";
import type { GithubServer, ServerAsset } from "../../support/github-server.js";
import { createReleaseSandbox, hexOf, randomContent } from "../../support/release.js";
import type { ReleaseSandbox } from "../../support/release.js";

const PART = 100_000;
let server: GithubServer;
let box: ReleaseSandbox;
/** Violations of the contract that consumers rely on, at any moment. */
let violations: string[];
/** Versions of an image by the digests of their parts, to find mixtures. */
const versionOf = new Map<string, string>();

function watch(assets: readonly ServerAsset[]): void {
  const names = assets.map(({ name }) => name);
  const parts = names.filter((name) => name.startsWith("demo.qcow2.part"));
  if (names.includes("demo.qcow2") && parts.length > 0) violations.push(`both: ${names.join(" ")}`);
  const versions = new Set(
    assets.flatMap(({ name, digest }) =>
      name.startsWith("demo.qcow2.part") ? (versionOf.get(digest ?? "") ?? []) : [],
    ),
  );
  if (versions.size > 1) violations.push(`mixture: ${[...versions].join(" ")}`);
  const odd = assets.filter(
    ({ name, state }) =>
      (name.endsWith(".qcow2") || /\.qcow2\.part/.test(name)) &&
      (state !== "uploaded" || !/^[a-z0-9-]+\.qcow2(\.part[a-z]{2})?$/.test(name)),
  );
  if (odd.length > 0) violations.push(`odd: ${odd.map(({ name }) => name).join(" ")}`);
}

beforeEach(async () => {
  [server, box] = await Promise.all([startGithubServer(), createReleaseSandbox()]);
  violations = [];
  server.onChange = watch;
  vi.stubEnv("GITHUB_API_URL", server.origin);
  vi.stubEnv("GITHUB_TOKEN", "writer");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await box[Symbol.asyncDispose]();
  if (violations.length > 0) throw new Error(violations.join("\n"));
});

const place = { store: "github:owner/images" };

/** Records which parts belong to this content. */
function isVersion(name: string, content: Buffer): void {
  for (let at = 0; at < content.length; at += PART) {
    versionOf.set(`sha256:${hexOf(content.subarray(at, at + PART))}`, name);
  }
}

function upload(images: readonly Releasable[], more: Partial<UploadImageOptions> = {}) {
  return uploadImages(images, { ...place, ...box.context, execute: true, partSize: PART, ...more });
}

function download(names: readonly string[] = ["demo"]) {
  return downloadImages({ ...place, ...box.context, names, folder: join(box.folder, "in") });
}

/** Requires the image, its parts and its sums in the release, and nothing else. */
async function expectReleased(content: Buffer): Promise<void> {
  const count = Math.ceil(content.length / PART);
  const parts = ["aa", "ab", "ac", "ad"].slice(0, count).map((end) => `demo.qcow2.part${end}`);
  const images = count === 1 ? ["demo.qcow2"] : parts;
  expect(
    server
      .assets()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([...images, "demo.qcow2.json", "demo.qcow2.sha256"].toSorted());
  const joined = Buffer.concat(await Promise.all(images.map((name) => server.read(name))));
  expect(hexOf(joined)).toBe(hexOf(content));
  expect((await server.read("demo.qcow2.sha256")).toString()).toBe(
    `${hexOf(content)}  demo.qcow2\n`,
  );
}

async function expectDownloaded(content: Buffer): Promise<void> {
  const [result] = await download();
  expect(result?.error).toBeUndefined();
  expect(hexOf(await box.read("in/demo.qcow2"))).toBe(hexOf(content));
  expect((await box.read("in/demo.qcow2.sha256")).toString()).toBe(
    `${hexOf(content)}  demo.qcow2\n`,
  );
}

/** Matches requests for the content of an asset. */
function storageOf(name: string): RegExp {
  const asset = server.assets().find((one) => one.name === name);
  return new RegExp(`GET /storage/${asset?.id}$`);
}

const uploads = (): number =>
  server.requests.filter(({ method, path }) => method === "POST" && path.startsWith("/uploads"))
    .length;

describe("upload to GitHub", () => {
  it.each([
    ["whole", 5000],
    ["of exactly one part", PART],
    ["in parts", 3 * PART + 17],
  ])(
    "creates the prerelease latest with an image %s, which downloads to the same bytes",
    async (_, size) => {
      const content = randomContent(size);
      const [result] = await upload([await box.image("demo", content)]);
      expect(result).toMatchObject({ outcome: "created", size });
      expect(server.releases).toMatchObject([{ tag_name: "latest", prerelease: true }]);
      await expectReleased(content);
      await expectDownloaded(content);
      expect(
        (await verifyImages({ ...place, ...box.context, names: [] }))[0]?.error,
      ).toBeUndefined();
    },
  );

  it("changes nothing without execute, and uploads only what differs", async () => {
    const content = randomContent(2 * PART);
    const image = await box.image("demo", content);
    expect((await upload([image], { execute: false }))[0]?.outcome).toBe("created");
    expect(server.releases).toEqual([]);
    await upload([image]);
    const before = uploads();
    expect((await upload([image]))[0]).toMatchObject({ outcome: "unchanged", uploaded: [] });
    expect(uploads()).toBe(before);
    content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
    const [result] = await upload([await box.image("demo", content)]);
    expect(result?.uploaded).toEqual(["demo.qcow2.partab", "demo.qcow2.json", "demo.qcow2.sha256"]);
    await expectReleased(content);
    expect((await upload([await box.image("demo", content)], { force: true }))[0]?.outcome).toBe(
      "replaced",
    );
    await expectReleased(content);
  });

  it("changes between a whole image and parts, and leaves other assets alone", async () => {
    await server.add("demo2.qcow2", "other");
    for (const size of [3 * PART, 100, 2 * PART]) {
      const content = randomContent(size);
      await upload([await box.image("demo", content)]);
      const other = server.assets().filter(({ name }) => name === "demo2.qcow2");
      expect(other).toHaveLength(1);
      await expectDownloaded(content);
    }
  });

  it("retries after 5xx, cut connections, altered contents and lost answers", async () => {
    const content = randomContent(3 * PART);
    server.inject(
      /POST \/uploads/,
      { kind: "status", status: 502 },
      { kind: "cut-upload", after: 10 },
    );
    server.inject(/POST \/uploads/, { kind: "alter-upload" }, { kind: "lose-answer" });
    server.inject(/GET .*\/tags\//, { kind: "status", status: 500 });
    server.inject(/PATCH/, { kind: "status", status: 503 });
    const [result] = await upload([await box.image("demo", content)]);
    expect(result?.error).toBeUndefined();
    await expectReleased(content);
    expect(box.notes().join("\n")).toContain("another content than was sent");
  });

  it("waits for rate limits, and says so", async () => {
    const reset = String(Math.ceil(Date.now() / 1000) + 600);
    server.inject(/GET .*\/tags\//, {
      ...{ kind: "status", status: 403, message: "API rate limit exceeded" },
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset },
    });
    server.inject(/POST \/uploads/, {
      kind: "status",
      status: 429,
      headers: { "retry-after": "120" },
    });
    server.inject(/PATCH/, {
      kind: "status",
      status: 403,
      message: "You have exceeded a secondary rate limit",
    });
    const content = randomContent(50);
    expect((await upload([await box.image("demo", content)]))[0]?.outcome).toBe("created");
    await expectReleased(content);
    const waits = box.context.pauses.map((ms) => Math.round(ms / 10_000) * 10);
    expect(waits).toEqual(expect.arrayContaining([600, 120, 60]));
    expect(box.notes().join("\n")).toMatch(
      /GitHub's rate limit is reached \(403\); retrying in (10m|9m 5\ds)/,
    );
  });

  it("goes on with what an earlier upload has sent, and clears what was cut", async () => {
    const content = randomContent(3 * PART);
    const image = await box.image("demo", content);
    const fault = { kind: "status", status: 400 } as const;
    server.inject(/POST \/uploads/, { kind: "cut-upload", after: 1000 });
    server.inject(/PATCH/, fault);
    expect((await upload([image]))[0]?.outcome).toBe("failed");
    expect(server.names().filter((name) => name.startsWith("demo"))).toEqual([]);
    const cut = await server.add("demo.qcow2.partab", "", { state: "starter", size: 0 });
    violations = [];
    server.onChange = (assets) => watch(assets.filter(({ id }) => id !== cut.id));
    const before = uploads();
    expect((await upload([image]))[0]?.error).toBeUndefined();
    // Only the lock is new.
    expect(uploads() - before).toBe(1);
    await expectReleased(content);
  });

  it("keeps the old image under its name when the new one cannot get it", async () => {
    const old = randomContent(2 * PART);
    await upload([await box.image("demo", old)]);
    const content = randomContent(2 * PART);
    isVersion("old", old);
    isVersion("new", content);
    let renamed = 0;
    server.onChange = (assets) => {
      watch(assets);
      renamed = Math.max(renamed, assets.filter(({ name }) => name.startsWith("retired-")).length);
    };
    server.inject(/PATCH/, { kind: "status", status: 503 });
    server.inject(
      /PATCH/,
      ...Array.from({ length: 4 }, () => ({ kind: "status", status: 503 }) as const),
    );
    const [result] = await upload([await box.image("demo", content)]);
    expect(result?.error).toMatchObject({ code: "RELEASE_FAILED", exitCode: 9 });
    await expectDownloaded(old);
    expect((await upload([await box.image("demo", content)]))[0]?.outcome).toBe("replaced");
    expect(renamed).toBe(4);
    await expectReleased(content);
  });

  it("does not mix two uploads at once", async () => {
    const contents = [randomContent(3 * PART), randomContent(3 * PART), randomContent(50)];
    const images = await Promise.all(contents.map((content) => box.image("demo", content)));
    // Each upload reads its own file.
    const own = await Promise.all(
      contents.map(async (content, at) => {
        const { path } = await box.image(`copy-${at}`, content);
        return { ...(images[at] as Releasable), path, sha256: hexOf(content) };
      }),
    );
    const results = await Promise.all(own.map((image) => upload([image])));
    expect(results.flat().map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    const sum = (await server.read("demo.qcow2.sha256")).toString().slice(0, 64);
    const winner = contents.find((content) => hexOf(content) === sum);
    await expectReleased(winner as Buffer);
    await expectDownloaded(winner as Buffer);
  });

  it.each([
    ["no-such-token", 401, "does not accept this one"],
    ["reader", 403, "needs write access"],
    ["", 401, "valid token"],
  ])("explains the token %j without rights", async (token, status, hint) => {
    vi.stubEnv("GITHUB_TOKEN", token);
    const [result] = await upload([await box.image("demo", randomContent(50))]);
    expect(result?.error).toMatchObject({ code: "RELEASE_FAILED", details: { status } });
    expect(result?.error?.hint).toContain(hint);
    expect(server.releases).toEqual([]);
  });

  it("reports a private repository that cannot be seen", async () => {
    server.isPrivate = true;
    vi.stubEnv("GITHUB_TOKEN", "");
    const work = listImages({ ...place, ...box.context, names: [] });
    await expect(work).rejects.toMatchObject({ code: "RELEASE_FAILED", details: { status: 404 } });
  });

  it("refuses an image that is not as it was built", async () => {
    const image = await box.image("demo", randomContent(50));
    const [result] = await upload([{ ...image, sha256: "0".repeat(64) }]);
    expect(result?.error?.code).toBe("ARTIFACT_INVALID");
    expect(server.releases).toEqual([]);
  });
});

describe("download from GitHub", () => {
  it.each(["", "reader"])("resumes cut connections with the token %j", async (token) => {
    const content = randomContent(3 * PART);
    await upload([await box.image("demo", content)]);
    vi.stubEnv("GITHUB_TOKEN", token);
    server.isPrivate = token !== "";
    server.inject(storageOf("demo.qcow2.json"), { kind: "status", status: 503 });
    server.inject(
      storageOf("demo.qcow2.partaa"),
      { kind: "cut-content", after: 20 },
      { kind: "cut-content", after: 70_000 },
    );
    await expectDownloaded(content);
    const ranges = server.requests.filter(({ headers }) => headers.range !== undefined);
    expect(ranges.length).toBeGreaterThan(0);
    for (const { headers } of ranges) expect(headers["if-range"]).toMatch(/^"0x/);
  });

  it("continues a download that ended before", async () => {
    const content = randomContent(3 * PART);
    await upload([await box.image("demo", content)]);
    const cuts = Array.from({ length: 5 }, () => ({ kind: "cut-content", after: 10_000 }) as const);
    server.inject(storageOf("demo.qcow2.partaa"), ...cuts);
    const [first] = await download();
    expect(first?.error).toMatchObject({ code: "INPUT_DOWNLOAD", exitCode: 4 });
    await expect(box.read("in/demo.qcow2")).rejects.toThrow("ENOENT");
    const before = server.requests.length;
    await expectDownloaded(content);
    const contents = server.requests
      .slice(before)
      .filter(({ path }) => path.startsWith("/storage"));
    // The index, and the rest of the first part.
    expect(contents.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=50000-"]);
    expect((await download())[0]?.outcome).toBe("unchanged");
  });

  it("receives a part again that was damaged on disk", async () => {
    const content = randomContent(3 * PART);
    await upload([await box.image("demo", content)]);
    const cuts = Array.from({ length: 5 }, () => ({ kind: "cut-content", after: 10_000 }) as const);
    server.inject(storageOf("demo.qcow2.partaa"), ...cuts);
    expect((await download())[0]?.outcome).toBe("failed");
    // The second part begins with zeros, which are not written where a file has zeros.
    const data = await open(join(box.folder, "in/.demo.qcow2.download/data"), "r+");
    await data.write("damage", PART + 100);
    await data.close();
    await expectDownloaded(content);
    expect(box.notes().join()).toContain("the partial download is discarded");
  });

  it("does not accept an altered part, and continues after a short one", async () => {
    const content = randomContent(2 * PART);
    await upload([await box.image("demo", content)]);
    server.inject(storageOf("demo.qcow2.partaa"), { kind: "alter-content" });
    const [result] = await download();
    expect(result?.error?.code).toBe("INPUT_CHECKSUM");
    await expect(box.read("in/demo.qcow2")).rejects.toThrow("ENOENT");
    server.inject(storageOf("demo.qcow2.partaa"), { kind: "short-content", length: 5 });
    await expectDownloaded(content);
  });

  it("reads releases of others by the names of parts and by sums", async () => {
    const content = randomContent(2 * PART);
    await server.add("demo.qcow2.partab", content.subarray(PART));
    await server.add("demo.qcow2.partaa", content.subarray(0, PART));
    await expectDownloaded(content);
    expect(box.notes().join()).toContain("only its parts are verified");
    await server.add("demo.qcow2.sha256", `${"0".repeat(64)}  demo.qcow2\n`);
    expect(
      (
        await downloadImages({
          ...place,
          ...box.context,
          names: ["demo"],
          folder: join(box.folder, "in"),
        })
      )[0]?.error?.code,
    ).toBe("INPUT_CHECKSUM");
    expect(hexOf(await box.read("in/demo.qcow2"))).toBe(hexOf(content));
  });

  it("reports missing parts and unknown names", async () => {
    const content = randomContent(3 * PART);
    await upload([await box.image("demo", content)]);
    const release = server.releases[0]?.assets ?? [];
    release.splice(
      release.findIndex(({ name }) => name === "demo.qcow2.partab"),
      1,
    );
    const [checked, unknown] = await checkImages({
      ...place,
      ...box.context,
      names: ["demo", "x"],
    });
    expect(checked?.error).toMatchObject({ code: "RELEASE_INVALID" });
    expect(checked?.error?.message).toContain("demo.qcow2.partab is missing");
    expect(unknown?.error).toMatchObject({ code: "RELEASE_UNKNOWN", exitCode: 4 });
    expect((await download())[0]?.error?.code).toBe("RELEASE_INVALID");
    await expect(
      listImages({ ...place, tag: "v9", ...box.context, names: [] }),
    ).rejects.toMatchObject({
      code: "RELEASE_UNKNOWN",
    });
  });

  it("finds contents that were altered in the release", async () => {
    await upload([await box.image("demo", randomContent(2 * PART))]);
    server.inject(/GET \/storage/, { kind: "status", status: 500 });
    server.hasDigests = false;
    const [good] = await verifyImages({ ...place, ...box.context, names: [] });
    expect(good?.error).toBeUndefined();
    const [one] = server.assets().filter(({ name }) => name === "demo.qcow2.partab");
    server.inject(new RegExp(`GET /storage/${one?.id}$`), { kind: "alter-content" });
    const [bad] = await verifyImages({ ...place, ...box.context, names: [] });
    expect(bad?.error).toMatchObject({ code: "RELEASE_INVALID" });
  });
});

describe("images of a release", () => {
  it("are listed for OpenTofu, and removed", async () => {
    const content = randomContent(2 * PART);
    await upload([await box.image("demo", content), await box.image("two", Buffer.from("2"))]);
    const entries = await listImages({ ...place, ...box.context, names: [] });
    const base = `${server.origin}/owner/images/releases/download/latest`;
    expect(JSON.parse(formatTofu(entries, "images"))).toMatchObject({
      images: {
        demo: {
          ...{ file: "demo.qcow2", version: "1.2.3", size: 2 * PART, sha256: hexOf(content) },
          urls: [`${base}/demo.qcow2.partaa`, `${base}/demo.qcow2.partab`],
        },
        two: { urls: [`${base}/two.qcow2`] },
      },
    });
    const options = { ...place, ...box.context, names: ["demo"] };
    expect((await removeImages({ ...options, execute: false }))[0]?.removed).toHaveLength(4);
    expect(server.names()).toHaveLength(7);
    await removeImages({ ...options, execute: true });
    expect(
      server
        .assets()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["two.qcow2", "two.qcow2.json", "two.qcow2.sha256"]);
  });
});
