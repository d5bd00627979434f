/** HTTP server for installers, asked by a real client. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveGuest } from "../../../src/install/http-server.js";
import type { GuestHttp, HttpRequest } from "../../../src/install/http-server.js";

let folder: string;
let http: GuestHttp;
let requests: HttpRequest[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-http-"));
  requests = [];
  await mkdir(join(folder, "one/sub"), { recursive: true });
  await mkdir(join(folder, "two"));
  await writeFile(join(folder, "one/sub/.hidden file"), "from the first folder");
  await writeFile(join(folder, "two/big"), Buffer.alloc(300_000, "x"));
  await writeFile(join(folder, "secret"), "outside");
  await symlink(join(folder, "two/big"), join(folder, "one/link"));
  const files = new Map([["user-data", Buffer.from("generated")]]);
  http = await serveGuest({
    folders: [join(folder, "one"), join(folder, "two")],
    file: (path) => files.get(path),
    onRequest: (request) => requests.push(request),
  });
});
afterEach(async () => {
  await http[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const get = async (path: string, options: RequestInit = {}) => {
  const response = await fetch(`${http.localUrl}${path}`, options);
  return { status: response.status, text: await response.text(), headers: response.headers };
};

/** Sends a path as it is, which fetch would normalize. Returns the status. */
const getRaw = (path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(http.localUrl);
    const sent = httpRequest({ hostname, port, path: `${pathname}${path}` }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    });
    sent.once("error", reject).end();
  });

describe("the server for installers", () => {
  it("is reached by the guest at the host's address in QEMU's network, under a random path", () => {
    expect(http.url).toMatch(/^http:\/\/10\.0\.2\.2:\d+\/[0-9a-f]{32}$/);
    expect(http.localUrl.slice("http://127.0.0.1".length)).toBe(
      http.url.slice("http://10.0.2.2".length),
    );
  });

  it("serves files of folders in their order, and content from memory", async () => {
    expect(await get("/sub/.hidden%20file")).toMatchObject({ text: "from the first folder" });
    expect((await get("/big")).text).toHaveLength(300_000);
    expect((await get("/link")).text).toHaveLength(300_000);
    expect(await get("/user-data?instance=1")).toMatchObject({ status: 200, text: "generated" });
    const head = await get("/user-data", { method: "HEAD" });
    expect([head.status, head.text, head.headers.get("content-length")]).toEqual([200, "", "9"]);
    const part = await get("/big", { headers: { Range: "bytes=10-19" } });
    expect([part.status, part.text]).toEqual([206, "x".repeat(10)]);
  });

  it("reports each request with its path, status and size", async () => {
    await get("/sub/.hidden%20file");
    await get("/user-data");
    await get("/meta-data");
    await expect
      .poll(() => requests)
      .toEqual([
        { method: "GET", path: "/sub/.hidden file", status: 200, bytes: 21 },
        { method: "GET", path: "/user-data", status: 200, bytes: 9 },
        { method: "GET", path: "/meta-data", status: 404, bytes: 0 },
      ]);
  });

  it("serves nothing outside its folders, no listing, and nothing without the path", async () => {
    const paths = [
      "/../secret",
      "/%2e%2e/secret",
      "/sub/../../secret",
      "/%2e%2e%2fsecret",
      "/sub/",
      "/sub",
      "/%ff",
      "/",
    ];
    for (const path of paths) expect([path, await getRaw(path)]).toEqual([path, 404]);
    const bare = new URL("/user-data", http.localUrl);
    expect((await fetch(bare)).status).toBe(404);
    expect((await get("/user-data", { method: "POST" })).status).toBe(405);
  });

  it("stops with the installer, whoever is connected", async () => {
    const other = await serveGuest({ folders: [], file: () => undefined, onRequest: () => {} });
    await fetch(other.localUrl);
    await other[Symbol.asyncDispose]();
    await expect(fetch(other.localUrl)).rejects.toThrow("fetch failed");
  });
});
