import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { UrlSpec } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import { errorOf, sha256Of, sha256OfFile, useDownloads } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

const content = randomBytes(3 * 1024 * 1024);

let server: FileServer;
let sandbox: InputsSandbox;

useDownloads((...made) => ([server, sandbox] = made));

function spec(url: string, checksum = sha256Of(content)): UrlSpec {
  return { kind: "url", url, checksum };
}

function encoded(path: string, sent: Buffer, encoding: string, etag?: string): string {
  return server.serve(path, { content: sent, etag, headers: { "content-encoding": encoding } });
}

describe("a file that the server compresses on its way", () => {
  it.each([
    ["gzip", gzipSync(content)],
    ["x-gzip", gzipSync(content)],
    ["deflate", deflateSync(content)],
    ["br", brotliCompressSync(content)],
    ["deflate, gzip", gzipSync(deflateSync(content))],
    ["aws-chunked", content],
    ["identity", content],
  ])("arrives as it lies there: %s", async (encoding, sent) => {
    const url = encoded("/a.qcow2", sent, encoding);
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    const unchecked = await resolveInput("y", spec(url, "none"), sandbox.context());
    expect(await sha256OfFile(unchecked.path)).toBe(sha256Of(content));
  });

  it("stays compressed where that is the file's own form", async () => {
    const archive = gzipSync(content);
    const url = encoded("/a.raw.gz", archive, "gzip");
    const resolved = await resolveInput("x", spec(url, sha256Of(archive)), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(archive));
  });

  it("is restarted after an interruption, since it cannot be resumed", async () => {
    const url = encoded("/a.qcow2", gzipSync(content), "gzip", '"v1"');
    server.injectFaults("/a.qcow2", { kind: "cut", after: 2 * 1024 * 1024 });
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  it("is restarted when it was not compressed before", async () => {
    const url = server.serve("/a.qcow2", { content, etag: '"v1"' });
    server.injectFaults("/a.qcow2", { kind: "cut", after: 1024 * 1024 });
    const once = sandbox.context({ limits: { attempts: 1 } });
    await errorOf(resolveInput("x", spec(url), once));
    encoded("/a.qcow2", gzipSync(content), "gzip", '"v1"');
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(server.requests.at(-2)?.status).toBe(206);
    expect(server.requests.at(-1)?.status).toBe(200);
  });

  it("is refused at once in an unsupported encoding", async () => {
    const url = encoded("/a.qcow2", content, "compress");
    const error = await errorOf(resolveInput("x", spec(url), sandbox.context()));
    expect(error).toMatchObject({ code: "INPUT_DOWNLOAD", exitCode: 4 });
    expect(error.message).toContain("Content-Encoding: compress, which cannot be undone");
    expect(sandbox.pauses).toEqual([]);
  });

  it("may be a sums file too", async () => {
    const url = server.serve("/a.img", content);
    const sums = gzipSync(`${sha256Of(content).slice(7)}  a.img\n`);
    const checksum = `file:${encoded("/SHA256SUMS", sums, "gzip")}`;
    const resolved = await resolveInput("x", spec(url, checksum), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });
});

describe("an invalid address", () => {
  it.each([
    ["a space", "http://127.0.0.1:1/my disk.img", "contains a space"],
    ["a lone percent sign", "http://127.0.0.1:1/100%.img", "contains a % that is not followed"],
    ["a host in a file URL", "file://images/disk.img", "names the host images"],
    ["no host", "https://", "is not a valid URL"],
    ["an encoded slash in a file URL", "file:///srv/a%2Fb", "is not a path on this host"],
  ])("is refused without a retry: %s", async (_, url, words) => {
    for (const change of [{ url }, { mirrors: [url] }, { checksum: `file:${url}` }]) {
      const input = { ...spec(`${server.origin}/a`), ...change };
      const error = await errorOf(resolveInput("base", input, sandbox.context()));
      expect(error.code).toBe("TEMPLATE_INVALID");
      expect(error.message).toContain(words);
    }
    expect(sandbox.pauses).toEqual([]);
    expect(server.requests).toEqual([]);
  });
});
