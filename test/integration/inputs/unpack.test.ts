import { randomBytes } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { inputLocation, resolveInput } from "../../../src/inputs/inputs.js";
import type { UrlSpec } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import { errorOf, sha256Of, sha256OfFile, useDownloads } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

// A hole in the middle and at the end, as in disk images.
const hole = Buffer.alloc(1_000_000);
const content = Buffer.concat([randomBytes(200_000), hole, randomBytes(1000), hole]);

let server: FileServer;
let sandbox: InputsSandbox;

useDownloads((...made) => ([server, sandbox] = made));

async function packed(program: string): Promise<Buffer> {
  const path = join(sandbox.folder, "image.raw");
  await writeFile(path, content);
  await execa(program, ["-k", "-f", path]);
  const suffix = { xz: "xz", gzip: "gz", zstd: "zst" }[program] ?? "";
  return readFile(`${path}.${suffix}`);
}

function specOf(url: string, archive: Buffer): UrlSpec {
  return { kind: "url", url, checksum: sha256Of(archive), unpack: true };
}

describe("a compressed file", () => {
  it.each([
    ["xz", ".xz"],
    ["gzip", ".gz"],
    ["zstd", ".zst"],
  ])("made by %s is unpacked once", async (program, suffix) => {
    const archive = await packed(program);
    const url = server.serve(`/image.raw${suffix}`, archive);
    const spec = specOf(url, archive);
    const resolved = await resolveInput("base", spec, sandbox.context());
    expect(resolved.path).toBe(inputLocation(spec, sandbox.cacheFolder));
    expect(resolved.path).toMatch(/\/image\.raw$/);
    expect(resolved.size).toBe(content.length);
    expect(resolved.digest?.hex).toBe(sha256Of(archive).slice("sha256:".length));
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    const eventCount = sandbox.events.length;
    const again = await resolveInput("base", spec, sandbox.context());
    expect(again.fromCache).toBe(true);
    expect(sandbox.events).toHaveLength(eventCount);
  });

  it("is not unpacked unless requested", async () => {
    const archive = await packed("gzip");
    const spec = { ...specOf(server.serve("/a.gz", archive), archive), unpack: false };
    const resolved = await resolveInput("x", spec, sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(archive));
  });

  it("is unpacked again when it was replaced", async () => {
    const archive = await packed("gzip");
    const url = server.serve("/a.raw.gz", { content: archive, etag: '"1"' });
    const spec = { ...specOf(url, archive), checksum: "none" };
    await resolveInput("x", spec, sandbox.context());
    await writeFile(join(sandbox.folder, "b"), "another");
    await execa("gzip", [join(sandbox.folder, "b")]);
    server.serve("/a.raw.gz", {
      content: await readFile(join(sandbox.folder, "b.gz")),
      etag: '"2"',
    });
    const resolved = await resolveInput("x", spec, sandbox.context());
    expect(await readFile(resolved.path, "utf8")).toBe("another");
  });

  it.each([
    ["xz", "a.raw.gz"],
    ["bzip2", "a.raw.bz2"],
    ["lz4", "a.raw.lz4"],
    ["gzip", "a.raw.tgz"],
  ])("of %s is unpacked as what it is, named %s", async (program, name) => {
    const { stdout } = await execa(program, ["-c"], {
      input: content,
      encoding: "buffer",
      stripFinalNewline: false,
    });
    const archive = Buffer.from(stdout);
    const spec = specOf(server.serve(`/${name}`, archive), archive);
    const resolved = await resolveInput("x", spec, sandbox.context());
    expect(resolved.path).toBe(inputLocation(spec, sandbox.cacheFolder));
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });

  it("that is compressed in name only is used directly", async () => {
    const spec = specOf(server.serve("/a.raw.gz", content), content);
    const resolved = await resolveInput("x", spec, sandbox.context());
    expect(resolved.path).toMatch(/\/a\.raw$/);
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect((await resolveInput("x", spec, sandbox.context())).fromCache).toBe(true);
  });

  it("without the extension is refused, since its path would not be known in advance", async () => {
    const archive = await packed("gzip");
    const spec = specOf(server.serve("/download", archive), archive);
    const error = await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(error).toMatchObject({ code: "INPUT_UNPACK", exitCode: 4 });
    expect(error.message).toBe("download is a gzip file, but its name does not end accordingly");
  });

  it("that is broken leaves no partial file, and reports the program's error", async () => {
    const archive = (await packed("xz")).subarray(0, 100_000);
    const url = server.serve("/a.raw.xz", archive);
    const error = await errorOf(resolveInput("x", specOf(url, archive), sandbox.context()));
    expect(error.code).toBe("INPUT_UNPACK");
    expect(error.message).toBe("a.raw.xz could not be unpacked: xz failed with exit 1");
    expect(error.lines.join("\n")).toContain("Unexpected end of input");
    const folder = dirname(inputLocation(specOf(url, archive), sandbox.cacheFolder));
    expect((await readdir(folder)).toSorted()).toEqual(["a.raw.xz", "lock", "meta.json"]);
  });
});
