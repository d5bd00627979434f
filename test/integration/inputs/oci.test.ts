/** Inputs that are OCI images, from a registry on loopback. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import { errorOf, hexOf, useDownloads } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";
import { serveImage } from "../../support/registry.js";

let sandbox: InputsSandbox;
let server: FileServer;
useDownloads((...made) => ([server, sandbox] = made));

/** Creates a layer with a script in it. */
function makeLayer(words: string): Buffer {
  const folder = join(sandbox.folder, words);
  mkdirSync(join(folder, "lib"), { recursive: true });
  writeFileSync(join(folder, "run.sh"), `#!/bin/sh\necho ${words}\n`, { mode: 0o755 });
  writeFileSync(join(folder, "lib/ld.so"), words);
  symlinkSync("ld.so", join(folder, "lib/link"));
  return execFileSync("tar", ["-czf", "-", "-C", folder, "."]);
}

const fetchImage = (image: string, changes = {}, more = {}) =>
  resolveInput("backend", { kind: "oci", image, ...more }, sandbox.context(changes));

it("fetches the files of the image for this platform, once", async () => {
  const layer = makeLayer("one");
  const { name } = serveImage(server, "team/backend:v1", [layer]);
  const first = await fetchImage(name);
  expect(first).toMatchObject({
    fromCache: false,
    origin: name,
    digest: { hex: hexOf("sha256", layer) },
  });
  expect(execFileSync(join(first.path, "run.sh"), { encoding: "utf8" })).toBe("one\n");
  expect(readFileSync(join(first.path, "lib/link"), "utf8")).toBe("one");

  const before = server.requests.length;
  expect(await fetchImage(name)).toEqual({ ...first, fromCache: true });
  expect(server.requests.slice(before).every(({ url }) => url.includes("/manifests/"))).toBe(true);
  expect((await fetchImage(name, { offline: true })).fromCache).toBe(true);
});

it("detects that a tag has moved, and fetches a digest once", async () => {
  const { name, pinned } = serveImage(server, "team/backend:v1", [makeLayer("one")]);
  await fetchImage(name);
  serveImage(server, "team/backend:v1", [makeLayer("two")]);
  const moved = await fetchImage(name);
  expect(moved.fromCache).toBe(false);
  expect(readFileSync(join(moved.path, "lib/ld.so"), "utf8")).toBe("two");

  expect(readFileSync(join((await fetchImage(pinned)).path, "lib/ld.so"), "utf8")).toBe("one");
  const before = server.requests.length;
  expect((await fetchImage(pinned)).fromCache).toBe(true);
  expect(server.requests.length).toBe(before);
});

it("fetches the files for another platform, and keeps both apart", async () => {
  const { name } = serveImage(server, "team/backend:v1", [makeLayer("arm")], "arm64");
  const arm = await fetchImage(name, {}, { platform: "linux/arm64" });
  expect(readFileSync(join(arm.path, "lib/ld.so"), "utf8")).toBe("arm");
  serveImage(server, "team/backend:v1", [makeLayer("pc")]);
  const pc = await fetchImage(name);
  expect(readFileSync(join(pc.path, "lib/ld.so"), "utf8")).toBe("pc");
  expect(readFileSync(join(arm.path, "lib/ld.so"), "utf8")).toBe("arm");
});

it("gets a token where the registry requires one, and sends it to no other host", async () => {
  const { name, manifest, blobs } = serveImage(server, "team/backend:v1", [makeLayer("one")]);
  const realm = server.serve("/token", Buffer.from(JSON.stringify({ token: "opaque-token" })));
  server.injectFaults(manifest, {
    kind: "status",
    status: 401,
    headers: {
      "www-authenticate": `Bearer realm="${realm}",service="s",scope="repository:x:pull"`,
    },
  });
  await fetchImage(name);
  const seen = server.requests.map(({ url, headers }) => [url, headers.authorization]);
  expect(seen[1]).toEqual(["/token?service=s&scope=repository%3Ax%3Apull", undefined]);
  expect(seen[2]).toEqual([manifest, "Bearer opaque-token"]);
  expect(seen.at(-1)).toEqual([blobs[0], "Bearer opaque-token"]);
  expect(JSON.stringify(sandbox.events)).not.toContain("opaque-token");
});

it.each([
  [
    "has several layers",
    (): string => {
      const layers = [makeLayer("one"), makeLayer("two")];
      return serveImage(server, "team/two:v1", layers).name;
    },
    "team/two has 2 layers; only images with a single layer are supported",
  ],
  [
    "is for another platform",
    (): string => serveImage(server, "team/arm:v1", [makeLayer("arm")], "arm64").name,
    "team/arm has no image for linux/amd64",
  ],
  [
    "does not exist",
    (): string => `${server.origin.replace("http://", "")}/team/none:v1`,
    "the registry returned HTTP 404",
  ],
  [
    "is a web page",
    (): string => {
      server.serve("/v2/team/page/manifests/v1", Buffer.from("<html>log in</html>"));
      return `${server.origin.replace("http://", "")}/team/page:v1`;
    },
    "is not a valid response of a registry",
  ],
])("refuses an image that %s", async (_, image, words) => {
  const error = await errorOf(fetchImage(image()));
  expect(error.code).toBe("INPUT_OCI");
  expect(error.message).toContain(words);
});

it("refuses a layer that does not match the manifest", async () => {
  const { name, blobs } = serveImage(server, "team/backend:v1", [makeLayer("one")]);
  server.serve(blobs[0] ?? "", Buffer.from("another type"));
  expect((await errorOf(fetchImage(name))).code).toBe("INPUT_CHECKSUM");
});
