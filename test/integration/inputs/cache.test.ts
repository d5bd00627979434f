import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import {
  errorOf,
  hexOf,
  sha256Of,
  sha256OfFile,
  specsOf,
  useDownloads,
} from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

const content = randomBytes(300_000);
const other = randomBytes(300_000);

let server: FileServer;
let sandbox: InputsSandbox;

useDownloads((...made) => ([server, sandbox] = made));

const spec = specsOf(content);

describe("a file with a fixed checksum", () => {
  it("is fetched once, and later found without a network", async () => {
    const url = server.serve("/a", content);
    await resolveInput("x", spec(url), sandbox.context());
    await server.close();
    const again = await resolveInput("x", spec(url), sandbox.context());
    expect(again).toMatchObject({ fromCache: true, size: content.length });
  });

  it("is fetched once by two concurrent runs", async () => {
    const url = server.serve("/a", content);
    const results = await Promise.all([
      resolveInput("x", spec(url), sandbox.context()),
      resolveInput("y", spec(url), sandbox.context()),
    ]);
    expect(server.requests).toHaveLength(1);
    expect(results.map(({ fromCache }) => String(fromCache)).toSorted()).toEqual(["false", "true"]);
  });

  it("is hashed again when only its time has changed", async () => {
    const url = server.serve("/a", content);
    const { path } = await resolveInput("x", spec(url), sandbox.context());
    await utimes(path, 1, 1);
    const again = await resolveInput("x", spec(url), sandbox.context());
    expect(again.fromCache).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it("is fetched again when the cached one was tampered with", async () => {
    const url = server.serve("/a", content);
    const { path } = await resolveInput("x", spec(url), sandbox.context());
    await appendFile(path, "more");
    const again = await resolveInput("x", spec(url), sandbox.context());
    expect(again.fromCache).toBe(false);
    expect(await sha256OfFile(path)).toBe(sha256Of(content));
  });

  it("is not fetched again when only its record was lost", async () => {
    const url = server.serve("/a", content);
    const { path } = await resolveInput("x", spec(url), sandbox.context());
    await rm(join(dirname(path), "meta.json"));
    const again = await resolveInput("x", spec(url), sandbox.context());
    expect(again.fromCache).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it("retains the older version until the new one is complete", async () => {
    const url = server.serve("/a", other);
    const { path } = await resolveInput(
      "x",
      spec(url, { checksum: sha256Of(other) }),
      sandbox.context(),
    );
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error.code).toBe("INPUT_CHECKSUM");
    expect(await sha256OfFile(path)).toBe(sha256Of(other));
    server.serve("/a", content);
    await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(path)).toBe(sha256Of(content));
  });
});

describe("a file without a checksum", () => {
  it.each([
    ["an ETag", { etag: '"v1"' }, { etag: '"v2"' }],
    [
      "a date",
      { lastModified: "Wed, 01 Jan 2025 00:00:00 GMT" },
      { lastModified: "Thu, 02 Jan 2025 00:00:00 GMT" },
    ],
  ])("warns, and is asked for again on each run, by %s", async (_, first, second) => {
    const url = server.serve("/a", { content, ...first });
    const unchecked = spec(url, { checksum: "none" });
    const fetched = await resolveInput("x", unchecked, sandbox.context());
    expect(fetched).toMatchObject({ checksumNone: true, fromCache: false });
    expect(fetched.digest?.hex).toBe(hexOf("sha256", content));
    expect(sandbox.messages("warning")).toEqual([`x: ${url} is used without verifying a checksum`]);

    expect((await resolveInput("x", unchecked, sandbox.context())).fromCache).toBe(true);
    expect(server.requests.at(-1)?.status).toBe(304);

    server.serve("/a", { content: other, ...second });
    const changed = await resolveInput("x", unchecked, sandbox.context());
    expect(changed.fromCache).toBe(false);
    expect(await sha256OfFile(changed.path)).toBe(sha256Of(other));
  });

  it("is not fetched twice from a server that ignores conditions", async () => {
    const url = server.serve("/a", { content, etag: '"v1"', conditions: false });
    await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    const again = await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    expect(again.fromCache).toBe(true);
  });

  it("is not used for one with a checksum", async () => {
    const url = server.serve("/a", other);
    await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    const context = sandbox.context({ offline: true });
    expect((await errorOf(resolveInput("x", spec(url), context))).code).toBe("INPUT_DOWNLOAD");
  });
});

describe("a file with a sums file", () => {
  const hex = hexOf("sha256", content);
  it.each([
    ["GNU, text", `${hexOf("sha256", other)}  b.img\n${hex}  a.img\n`],
    ["GNU, binary", `${hexOf("sha256", other)} *b.img\n${hex} *a.img\n`],
    [
      "BSD",
      `# a.img: 300000 bytes\nSHA256 (b.img) = ${hexOf("sha256", other)}\nSHA256 (a.img) = ${hex}\n`,
    ],
    ["bare", `${hexOf("sha512", content)}\n`],
    ["BLAKE2b without a word", `${hexOf("blake2b512", content)}  a.img\n`],
    ["SHA-384", `${hexOf("sha384", content)}  a.img\n`],
    [
      "BLAKE2b and SHA-512 without a word",
      `${hexOf("blake2b512", content)}  a.img\n${hexOf("sha512", content)}  a.img\n`,
    ],
  ])("is checked by it: %s", async (_, sums) => {
    const url = server.serve("/a.img", content);
    const checksum = `file:${server.serve("/CHECKSUM", Buffer.from(sums))}`;
    const resolved = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(resolved.digest?.hex).toBe(hex);
    const again = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(again.fromCache).toBe(true);
    const wrong = server.serve("/b/a.img", other);
    const error = await errorOf(resolveInput("x", spec(wrong, { checksum }), sandbox.context()));
    expect(error.code).toBe("INPUT_CHECKSUM");
  });

  it("is read as PowerShell writes it", async () => {
    const url = server.serve("/a.img", content);
    const sums = Buffer.from(`\ufeff${hex.toUpperCase()}  a.img\r\n`, "utf16le");
    const checksum = `file:${server.serve("/sums.txt", sums)}`;
    const resolved = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(resolved.digest?.hex).toBe(hex);
  });

  it("with several digests must match all of them", async () => {
    const url = server.serve("/a.img", content);
    const sums = `${hexOf("blake2b512", other)}  a.img\n${hexOf("sha512", content)}  a.img\n`;
    const checksum = `file:${server.serve("/DIGESTS", Buffer.from(sums))}`;
    const error = await errorOf(resolveInput("x", spec(url, { checksum }), sandbox.context()));
    expect(error).toMatchObject({ code: "INPUT_CHECKSUM", exitCode: 4 });
    expect(error.message).toContain("expected sha512, sha3-512 or blake2b ");
  });

  it("is fetched again when the sums file has changed, and only then", async () => {
    const url = server.serve("/a", content);
    const checksum = `file:${server.serve("/sums", Buffer.from(`${hex}  a\n`))}`;
    await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect((await resolveInput("x", spec(url, { checksum }), sandbox.context())).fromCache).toBe(
      true,
    );
    expect(server.requestsOf("/a")).toHaveLength(1);
    server.serve("/sums", Buffer.from(`${hexOf("sha256", other)}  a\n`));
    server.serve("/a", other);
    const changed = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(changed.digest?.hex).toBe(hexOf("sha256", other));
  });

  it("may have both on this host", async () => {
    await writeFile(join(sandbox.folder, "a.img"), content);
    await writeFile(join(sandbox.folder, "sums"), `${hex}  a.img\n`);
    const url = pathToFileURL(join(sandbox.folder, "a.img")).href;
    const checksum = `file:${join(sandbox.folder, "sums")}`;
    const resolved = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });

  it("reports a missing sums file", async () => {
    const url = server.serve("/a", content);
    const checksum = `file:${server.origin}/none`;
    const error = await errorOf(resolveInput("x", spec(url, { checksum }), sandbox.context()));
    expect(error.message).toBe(
      `Could not download the checksum file ${server.origin}/none: the server answered 404`,
    );
  });
});

describe("offline", () => {
  it("uses what is cached as it is, and touches no network", async () => {
    const url = server.serve("/a", content);
    const sums = `file:${server.serve("/sums", Buffer.from(`${hexOf("sha256", content)}  a\n`))}`;
    for (const checksum of ["none", sums, sha256Of(content)]) {
      await resolveInput("x", spec(url, { checksum }), sandbox.context());
      const before = server.requests.length;
      const context = sandbox.context({ offline: true });
      expect((await resolveInput("x", spec(url, { checksum }), context)).fromCache).toBe(true);
      expect(server.requests).toHaveLength(before);
    }
  });

  it("does not trust a cached file that was never verified by the sums file", async () => {
    const url = server.serve("/a", content);
    await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    const context = sandbox.context({ offline: true });
    const checksum = `file:${server.origin}/sums`;
    const error = await errorOf(resolveInput("x", spec(url, { checksum }), context));
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.message).toContain("offline");
  });

  it("reports what is missing", async () => {
    const context = sandbox.context({ offline: true });
    const error = await errorOf(resolveInput("x", spec(`${server.origin}/a`), context));
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(server.requests).toHaveLength(0);
  });
});

describe("a local path", () => {
  it("has a digest if it is a file, which is cached until the file changes", async () => {
    const path = join(sandbox.folder, "local.img");
    await writeFile(path, content);
    const first = await resolveInput("x", { kind: "path", path }, sandbox.context());
    expect(first).toMatchObject({ path, origin: path, size: content.length });
    expect(first.digest?.hex).toBe(hexOf("sha256", content));
    const eventCount = sandbox.events.length;
    await resolveInput("x", { kind: "path", path }, sandbox.context());
    expect(sandbox.events).toHaveLength(eventCount);
    await writeFile(path, other);
    const changed = await resolveInput("x", { kind: "path", path }, sandbox.context());
    expect(changed.digest?.hex).toBe(hexOf("sha256", other));
  });

  it("may be a folder", async () => {
    const path = join(sandbox.folder, "tree");
    await mkdir(path);
    const resolved = await resolveInput("x", { kind: "path", path }, sandbox.context());
    expect(resolved).toEqual({ name: "x", path, origin: path, fromCache: true });
  });

  it("must exist", async () => {
    const path = join(sandbox.folder, "nothing");
    const error = await errorOf(resolveInput("x", { kind: "path", path }, sandbox.context()));
    expect(error.code).toBe("INPUT_MISSING");
    expect(error.message).toBe(`Input x: ${path} does not exist`);
  });
});

describe("the record of a cached file", () => {
  it("is readable, and contains no credentials", async () => {
    server.serve("/a", { content, etag: '"v1"' });
    const url = `${server.origin.replace("//", "//me:secret@")}/a`;
    const { path } = await resolveInput("x", spec(url), sandbox.context());
    const text = await readFile(join(dirname(path), "meta.json"), "utf8");
    expect(JSON.parse(text)).toMatchObject({ etag: '"v1"', size: content.length });
    expect(text).not.toContain("secret");
  });
});
