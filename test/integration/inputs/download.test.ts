import { randomBytes } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { inputLocation, resolveInput } from "../../../src/inputs/inputs.js";
import { startFileServer } from "../../support/http-server.js";
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

const MIB = 1024 * 1024;
const content = randomBytes(5 * MIB + 123);
const other = randomBytes(5 * MIB + 123);

let server: FileServer;
let sandbox: InputsSandbox;

useDownloads((...made) => ([server, sandbox] = made));

const spec = specsOf(content);

/** Downloads until the server closes the connection, like a run that is then stopped. */
async function interruptedRun(url: string, after: number, checksum?: string): Promise<void> {
  const path = new URL(url).pathname;
  server.injectFaults(path, { kind: "cut", after });
  const limits = { attempts: 1 };
  const changes = checksum === undefined ? {} : { checksum };
  const error = await errorOf(resolveInput("x", spec(url, changes), sandbox.context({ limits })));
  expect(error.code).toBe("INPUT_DOWNLOAD");
}

describe("a download", () => {
  it("is complete under its own name, at the announced path", async () => {
    const url = server.serve("/images/base%20image.qcow2", { content });
    const resolved = await resolveInput("base", spec(url), sandbox.context());
    const size = content.length;
    const sha256 = hexOf("sha256", content);
    expect(resolved).toEqual({
      name: "base",
      path: inputLocation(spec(url), sandbox.cacheFolder),
      origin: url,
      digest: { algorithm: "sha256", hex: sha256 },
      upstream: { address: url, size, digests: { sha256 } },
      size,
      fromCache: false,
    });
    expect(resolved.path).toMatch(/\/[0-9a-f]{20}\/base image\.qcow2$/);
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect((await readdir(dirname(resolved.path))).toSorted()).toEqual([
      "base image.qcow2",
      "lock",
      "meta.json",
    ]);
  });

  it("reports its progress and its end", async () => {
    const url = server.serve("/a", content);
    await resolveInput("one", spec(url), sandbox.context());
    const progress = sandbox.events.filter((event) => event.type === "progress");
    expect(progress[0]).toMatchObject({ task: "input:one", label: "a", total: content.length });
    expect(progress.at(-1)).toMatchObject({ done: content.length, total: content.length });
  });

  it.each(["sha512", "sha1", "md5"])("is checked by %s too", async (algorithm) => {
    const url = server.serve("/a", content);
    const checksum = `${algorithm}:${hexOf(algorithm, content).toUpperCase()}`;
    await resolveInput("x", spec(url, { checksum }), sandbox.context());
    const again = await resolveInput("x", spec(url, { checksum }), sandbox.context());
    expect(again.fromCache).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it("may have no size from the server, and may be empty", async () => {
    const url = server.serve("/a", { content, sendsLength: false });
    const empty = server.serve("/empty", Buffer.alloc(0));
    await resolveInput("x", spec(url), sandbox.context());
    const checksum = sha256Of(Buffer.alloc(0));
    const resolved = await resolveInput("y", spec(empty, { checksum }), sandbox.context());
    expect(resolved.size).toBe(0);
    expect(await readFile(resolved.path)).toHaveLength(0);
  });

  it("follows redirects", async () => {
    server.serve("/real", content);
    const url = server.redirect("/latest", "/real");
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(resolved.path).toMatch(/\/latest$/);
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });

  it("gives up on redirects in a circle", async () => {
    const url = server.redirect("/a", "/a");
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error.message).toContain("more than 10 redirects");
  });

  it("sends the address's user and password, and does not show them", async () => {
    server.serve("/a", content);
    const url = `${server.origin.replace("//", "//me:s%40fe@")}/a`;
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    const sent = `Basic ${Buffer.from("me:s@fe").toString("base64")}`;
    expect(server.requests[0]?.headers.authorization).toBe(sent);
    expect(resolved.origin).toBe(`${server.origin}/a`);
    expect(JSON.stringify(sandbox.events)).not.toContain("s%40fe");
  });
});

describe("an interrupted download", () => {
  it.each([
    ["a strong ETag", { etag: '"v1"' }, '"v1"'],
    ["a date", { lastModified: "Wed, 01 Jan 2025 00:00:00 GMT" }, "Wed, 01 Jan 2025 00:00:00 GMT"],
    [
      "a weak ETag beside a date",
      { etag: 'W/"1"', lastModified: "Wed, 01 Jan 2025 00:00:00 GMT" },
      "Wed, 01 Jan 2025 00:00:00 GMT",
    ],
  ])("goes on where it stopped, by %s", async (_, validators, condition) => {
    const url = server.serve("/a", { content, ...validators });
    server.injectFaults("/a", { kind: "cut", after: 2 * MIB });
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    const [, second] = server.requestsOf("/a");
    expect(second?.status).toBe(206);
    const from = Number(/^bytes=(\d+)-$/.exec(second?.headers.range ?? "")?.[1]);
    expect(from).toBeGreaterThan(MIB);
    expect(from).toBeLessThanOrEqual(2 * MIB);
    expect(second?.headers["if-range"]).toBe(condition);
    expect(sandbox.messages("note")[0]).toMatch(/^a: .* retrying in 500ms$/);
  });

  it("is resumed in the next run, which hashes the stored part", async () => {
    const url = server.serve("/a", { content, etag: '"v1"' });
    await interruptedRun(url, 3 * MIB);
    expect(await sandbox.cached()).toEqual([
      expect.stringMatching(/\/a\.part$/),
      expect.stringMatching(/\/part\.json$/),
    ]);
    const [part = ""] = await sandbox.cached();
    const { size } = await stat(join(sandbox.cacheFolder, part));
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(size).toBeGreaterThan(MIB);
    expect(server.requestsOf("/a")[1]?.headers.range).toBe(`bytes=${size}-`);
    expect(server.requestsOf("/a")[1]?.status).toBe(206);
    expect((await sandbox.cached()).some((path) => path.includes("part"))).toBe(false);
  });

  it("restarts when the file has changed since", async () => {
    const url = server.serve("/a", { content: other, etag: '"v1"' });
    await interruptedRun(url, 3 * MIB);
    server.serve("/a", { content, etag: '"v2"' });
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/a")[1]?.status).toBe(200);
  });

  it("restarts when the server ignores that the file has changed", async () => {
    const url = server.serve("/a", { content: other, etag: '"v1"' });
    await interruptedRun(url, 3 * MIB, "none");
    server.serve("/a", { content, etag: '"v2"', ifRange: false });
    const resolved = await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });

  it("restarts when the stored part was corrupted on the disk", async () => {
    const url = server.serve("/a", { content: other, etag: '"v1"' });
    await interruptedRun(url, 3 * MIB);
    server.serve("/a", { content, etag: '"v1"' });
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/a").map(({ status }) => status)).toEqual([200, 206, 200]);
  });

  it("restarts with a server without ranges", async () => {
    const url = server.serve("/a", { content, etag: '"v1"', ranges: false });
    server.injectFaults("/a", { kind: "cut", after: 2 * MIB });
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/a").map(({ status }) => status)).toEqual([200, 200]);
  });

  it("restarts when versions cannot be distinguished", async () => {
    const url = server.serve("/a", { content, etag: 'W/"v1"' });
    server.injectFaults("/a", { kind: "cut", after: 2 * MIB });
    await resolveInput("x", spec(url, { checksum: "none" }), sandbox.context());
    expect(server.requestsOf("/a")[1]?.headers.range).toBeUndefined();
  });

  it("may be interrupted any number of times, if each attempt makes progress", async () => {
    const url = server.serve("/a", { content, etag: '"v1"' });
    const cut = { kind: "cut", after: 1.5 * MIB } as const;
    server.injectFaults("/a", cut, cut, cut);
    const limits = { attempts: 2 };
    const resolved = await resolveInput("x", spec(url), sandbox.context({ limits }));
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/a")).toHaveLength(4);
  });

  it("is resumed after a stall", async () => {
    const url = server.serve("/a", { content, etag: '"v1"' });
    server.injectFaults("/a", { kind: "stall", after: 2 * MIB }, { kind: "silent" });
    const limits = { idleTimeoutMs: 150, headersTimeoutMs: 150 };
    const resolved = await resolveInput("x", spec(url), sandbox.context({ limits }));
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(sandbox.messages("note")).toEqual([
      expect.stringContaining("stalled: no data for 150ms"),
      expect.stringContaining("no response within 150ms"),
    ]);
    expect(server.requestsOf("/a").map(({ status }) => status)).toEqual([200, undefined, 206]);
  });

  it("that is aborted leaves only its part for later", async () => {
    const url = server.serve("/a", { content, etag: '"v1"' });
    server.injectFaults("/a", { kind: "stall", after: 2 * MIB });
    const controller = new AbortController();
    const signal = controller.signal;
    const context = sandbox.context({
      signal,
      emit: (event) => {
        if (event.type !== "progress" || event.done < 2 * MIB) return;
        controller.abort(new VmbuildError("INTERRUPTED", "stop"));
      },
    });
    const error = await errorOf(resolveInput("x", spec(url), context));
    expect(error.code).toBe("INTERRUPTED");
    expect(await sandbox.cached()).toEqual([
      expect.stringMatching(/\/a\.part$/),
      expect.stringMatching(/\/part\.json$/),
    ]);
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/a")[1]?.status).toBe(206);
  });
});

describe("a server that fails", () => {
  it("is retried after a growing delay", async () => {
    const url = server.serve("/a", content);
    const busy = { kind: "status", status: 503 } as const;
    server.injectFaults("/a", busy, busy, { kind: "status", status: 500 });
    await resolveInput("x", spec(url), sandbox.context());
    expect(sandbox.pauses).toEqual([500, 1000, 2000]);
  });

  it("is retried after the delay that it requests", async () => {
    const url = server.serve("/a", content);
    server.injectFaults("/a", { kind: "status", status: 429, headers: { "retry-after": "7" } });
    await resolveInput("x", spec(url), sandbox.context());
    expect(sandbox.pauses).toEqual([7000]);
  });

  it("is given up after the maximum number of attempts", async () => {
    const url = server.serve("/a", content);
    const busy = { kind: "status", status: 503 } as const;
    server.injectFaults("/a", busy, busy, busy, busy, busy, busy);
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.message).toBe(`Could not download ${url}: the server answered 503 (5 attempts)`);
    expect(server.requests).toHaveLength(5);
    expect(await sandbox.cached()).toEqual([]);
  });

  it("is not retried for a missing file", async () => {
    const url = `${server.origin}/none`;
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error.message).toBe(`Could not download ${url}: the server answered 404`);
    expect(sandbox.pauses).toEqual([]);
  });
});

describe("mirrors", () => {
  it("are tried in order", async () => {
    const missing = `${server.origin}/one/a`;
    const mirrors = [server.serve("/two/a", content), server.serve("/three/a", content)];
    await resolveInput("x", spec(missing, { mirrors }), sandbox.context());
    expect(server.requests.map(({ url }) => url)).toEqual(["/one/a", "/two/a"]);
    expect(sandbox.messages("warning")).toEqual([
      `${missing}: the server answered 404; trying the next address`,
    ]);
  });

  it("resume the part of another address, since the checksum verifies it", async () => {
    const url = server.serve("/one/a", { content, etag: '"v1"' });
    const mirrors = [server.serve("/two/a", { content, etag: '"of another server"' })];
    server.injectFaults("/one/a", { kind: "cut", after: 3 * MIB }, { kind: "status", status: 404 });
    const resolved = await resolveInput("x", spec(url, { mirrors }), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requestsOf("/two/a").map(({ status }) => status)).toEqual([206]);
  });

  it("replace an address with wrong content", async () => {
    const url = server.serve("/one/a", other);
    const mirrors = [server.serve("/two/a", content)];
    const resolved = await resolveInput("x", spec(url, { mirrors }), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });

  it("are listed with their reasons when all of them fail", async () => {
    const url = `${server.origin}/one/a`;
    const dead = await startFileServer();
    await dead.close();
    const mirrors = [`${dead.origin}/a`, "http://name.invalid/a"];
    const limits = { attempts: 2 };
    const error = await errorOf(
      resolveInput("x", spec(url, { mirrors }), sandbox.context({ limits })),
    );
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.lines).toEqual([
      `${url}: the server answered 404`,
      `${dead.origin}/a: connection refused (2 attempts)`,
      expect.stringMatching(/^http:\/\/name\.invalid\/a: .*(no such host|looked up)/),
    ]);
  });
});

describe("a wrong checksum", () => {
  it("reports the expected and actual checksum, and stores nothing", async () => {
    const url = server.serve("/a", { content: other, etag: '"v1"' });
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error.code).toBe("INPUT_CHECKSUM");
    expect(error.exitCode).toBe(4);
    expect(error.message).toBe(
      `${url} has the wrong checksum: expected sha256 ${hexOf("sha256", content)}, found ${hexOf("sha256", other)}`,
    );
    expect(await sandbox.cached()).toEqual([]);
  });
});
