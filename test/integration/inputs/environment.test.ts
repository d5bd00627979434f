/** The environment of downloads: proxies, other processes, full disks, signatures. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, execaSync } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import { startProxy } from "../../support/proxy-server.js";
import { errorOf, sha256Of, sha256OfFile, specsOf, useDownloads } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

const MIB = 1024 * 1024;
const content = randomBytes(3 * MIB);

let server: FileServer;
let sandbox: InputsSandbox;

useDownloads((...made) => ([server, sandbox] = made));
afterEach(() => void vi.unstubAllEnvs());

const spec = specsOf(content);

describe("a proxy in the environment", () => {
  it("carries the download, unless NO_PROXY leaves the host out", async () => {
    await using proxy = await startProxy();
    for (const name of ["http_proxy", "https_proxy", "no_proxy"]) vi.stubEnv(name, undefined);
    vi.stubEnv("HTTP_PROXY", `http://${proxy.host}`);
    vi.stubEnv("NO_PROXY", "");
    server.serve("/a", content);
    // A name that only the proxy resolves.
    const url = `${server.origin.replace("127.0.0.1", "files.invalid")}/a`;
    const resolved = await resolveInput("x", spec(url), sandbox.context());
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
    expect(proxy.seen).toEqual([`GET ${url}`]);

    vi.stubEnv("NO_PROXY", "127.0.0.1");
    await resolveInput("y", spec(`${server.origin}/a`), sandbox.context());
    expect(proxy.seen).toHaveLength(1);
  });
});

describe("another run", () => {
  it("that fetches the same file is waited for", async () => {
    const url = server.serve("/a", { content, etag: '"v1"' });
    // It is delayed until this run waits for its lock.
    server.injectFaults("/a", { kind: "stall", after: MIB });
    const first = new AbortController();
    let running: Promise<unknown> = Promise.resolve();
    await new Promise<void>((started) => {
      const context = sandbox.context({
        signal: first.signal,
        emit: (event) => event.type === "progress" && event.done >= MIB && started(),
      });
      running = resolveInput("x", spec(url), context).catch(() => undefined);
    });
    const second = resolveInput(
      "y",
      spec(url),
      sandbox.context({
        emit: (event) => event.type === "note" && first.abort(new Error("the first run ends")),
      }),
    );
    const resolved = await second;
    await running;
    expect(resolved.fromCache).toBe(false);
    expect(server.requestsOf("/a")[1]?.headers.range).toBe(`bytes=${MIB}-`);
    expect(await sha256OfFile(resolved.path)).toBe(sha256Of(content));
  });
});

const isRoot = process.getuid?.() === 0;

describe("a disk that is too small", () => {
  let mount: string;

  beforeEach(async () => {
    mount = await mkdtemp(join(sandbox.folder, "small-"));
    if (isRoot) await execa("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]);
  });

  afterEach(async () => {
    if (isRoot) await execa("umount", [mount]);
  });

  it.skipIf(!isRoot)("is detected before anything is written (needs root)", async () => {
    const url = server.serve("/a", content);
    const error = await errorOf(
      resolveInput("x", spec(url), sandbox.context({ cacheFolder: join(mount, "cache") })),
    );
    expect(error.code).toBe("HOST_SPACE");
    expect(error.message).toMatch(/^a needs 3 MiB in .*, where [\d.]+ MiB are free$/);
  });

  it.skipIf(!isRoot)(
    "is distinguished from a network error when it fills up (needs root)",
    async () => {
      const url = server.serve("/a", { content, sendsLength: false });
      const error = await errorOf(
        resolveInput("x", spec(url), sandbox.context({ cacheFolder: join(mount, "cache") })),
      );
      expect(error.code).toBe("HOST_SPACE");
      expect(error.exitCode).toBe(3);
      expect(server.requests).toHaveLength(1);
    },
  );

  it.skipIf(!isRoot)(
    "is reported when it fills up while a file is unpacked (needs root)",
    async () => {
      const path = join(sandbox.folder, "big");
      await writeFile(path, Buffer.alloc(4 * MIB, "x"));
      await execa("gzip", [path]);
      const archive = await readFile(`${path}.gz`);
      const url = server.serve("/big.gz", archive);
      const wanted = spec(url, { checksum: sha256Of(archive), unpack: true });
      const context = sandbox.context({ cacheFolder: join(mount, "cache") });
      const error = await errorOf(resolveInput("x", wanted, context));
      expect(error.code).toBe("HOST_SPACE");
    },
  );
});

const hasGpg = execaSync("gpg", ["--version"], { reject: false }).exitCode === 0;

describe("a signed sums file", () => {
  const sums = Buffer.from(`${sha256Of(content).slice(7)}  a\n`);

  /** Creates a temporary key; returns its keyring and a function that signs with it. */
  async function makeKey(
    name: string,
    armour: string[],
  ): Promise<{ keyring: string; home: string }> {
    const home = join(sandbox.folder, name);
    await mkdir(home, { mode: 0o700 });
    const gpg = ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"];
    const user = `${name}@localhost`;
    await execa("gpg", [...gpg, "--passphrase", "", "--quick-gen-key", user, "ed25519", "sign"]);
    const keyring = join(sandbox.folder, `${name}.gpg`);
    await execa("gpg", [...gpg, ...armour, "--output", keyring, "--export", user]);
    return { keyring, home };
  }

  async function sign(home: string, armour: string[]): Promise<Buffer> {
    const args = ["--homedir", home, "--batch", "--quiet", ...armour, "--detach-sign"];
    const { stdout } = await execa("gpg", args, {
      input: sums,
      encoding: "buffer",
      // A binary signature may end with the byte of a newline.
      stripFinalNewline: false,
    });
    return Buffer.from(stdout);
  }

  /** Clear-signs a text, as Fedora and Gentoo do. */
  async function clearSign(home: string, text: string): Promise<Buffer> {
    const args = ["--homedir", home, "--batch", "--quiet", "--clear-sign"];
    const options = { input: text, encoding: "buffer", stripFinalNewline: false } as const;
    return Buffer.from((await execa("gpg", args, options)).stdout);
  }

  afterEach(async () => {
    for (const name of ["signer", "stranger"]) {
      const home = join(sandbox.folder, name);
      await execa("gpgconf", ["--homedir", home, "--kill", "all"], { reject: false });
      await rm(home, { recursive: true, force: true });
    }
  });

  it.skipIf(!hasGpg).each([
    ["binary", []],
    ["armoured", ["--armor"]],
  ])("vouches for the download (%s; needs gpg)", async (_, armour) => {
    const { keyring, home } = await makeKey("signer", armour);
    const url = server.serve("/a", content);
    const checksum = `file:${server.serve("/sums", sums)}`;
    const signature = { url: server.serve("/sums.gpg", await sign(home, armour)), keyring };
    await resolveInput("x", spec(url, { checksum, signature }), sandbox.context());
    expect(sandbox.messages("note")).toEqual([
      expect.stringMatching(/^http:\/\/127.0.0.1:\d+\/sums is signed by [0-9A-F]{40}$/),
    ]);
    const context = sandbox.context({ offline: true });
    const again = await resolveInput("x", spec(url, { checksum, signature }), context);
    expect(again.fromCache).toBe(true);
  });

  it.skipIf(!hasGpg)("is refused with the signature of another key (needs gpg)", async () => {
    const { keyring } = await makeKey("signer", []);
    const stranger = await makeKey("stranger", []);
    const url = server.serve("/a", content);
    const checksum = `file:${server.serve("/sums", sums)}`;
    const signature = { url: server.serve("/sums.gpg", await sign(stranger.home, [])), keyring };
    const error = await errorOf(
      resolveInput("x", spec(url, { checksum, signature }), sandbox.context()),
    );
    expect(error.code).toBe("INPUT_SIGNATURE");
    expect(error.lines.join("\n")).toContain("No public key");
    expect(server.requestsOf("/a")).toHaveLength(0);
  });

  it.skipIf(!hasGpg)("is refused when it was changed afterwards (needs gpg)", async () => {
    const { keyring, home } = await makeKey("signer", []);
    const url = server.serve("/a", content);
    const signature = { url: server.serve("/sums.gpg", await sign(home, [])), keyring };
    const checksum = `file:${server.serve("/sums", Buffer.concat([sums, Buffer.from("\n")]))}`;
    const error = await errorOf(
      resolveInput("x", spec(url, { checksum, signature }), sandbox.context()),
    );
    expect(error.lines.join("\n")).toContain("BAD signature");
  });

  describe.skipIf(!hasGpg)("that is clear-signed (needs gpg)", () => {
    const other = `SHA256 (a) = ${"0".repeat(64)}\n`;
    const good = `# a: ${content.length} bytes\nSHA256 (a) = ${sha256Of(content).slice(7)}\n`;

    it("is verified, and only its signed part is used", async () => {
      const { keyring, home } = await makeKey("signer", []);
      const url = server.serve("/a", content);
      const signed = await clearSign(home, good);
      const around = Buffer.concat([Buffer.from(other), signed, Buffer.from(other)]);
      for (const sumsFile of [signed, around]) {
        const sumsUrl = server.serve("/CHECKSUM", sumsFile);
        const checksum = `file:${sumsUrl}`;
        for (const signature of [{ keyring }, { keyring, url: sumsUrl }]) {
          const resolved = await resolveInput(
            "x",
            spec(url, { checksum, signature }),
            sandbox.context(),
          );
          expect(resolved.digest?.hex).toBe(sha256Of(content).slice(7));
        }
      }
      expect(sandbox.messages("note")).toContainEqual(expect.stringContaining("is signed by"));
    });

    it("may be a copy beside the sums file, whose text is then used", async () => {
      const { keyring, home } = await makeKey("signer", []);
      const url = server.serve("/a", content);
      const checksum = `file:${server.serve("/sums", Buffer.from(other))}`;
      const signature = { keyring, url: server.serve("/sums.asc", await clearSign(home, good)) };
      const input = spec(url, { checksum, signature });
      await expect(resolveInput("x", input, sandbox.context())).resolves.toBeDefined();
    });

    it("is refused when modified, doubled, signed by another key, or not signed", async () => {
      const { keyring, home } = await makeKey("signer", []);
      const stranger = await makeKey("stranger", []);
      const url = server.serve("/a", content);
      const signed = await clearSign(home, good);
      const cases: [string, Buffer][] = [
        ["was modified after", Buffer.from(signed.toString().replace("# a", "# b"))],
        ["not in the keyring", await clearSign(stranger.home, good)],
        ["has 2 signed messages", Buffer.concat([signed, signed])],
        ["is not clear-signed", Buffer.from(good)],
      ];
      for (const [words, sumsFile] of cases) {
        const checksum = `file:${server.serve("/CHECKSUM", sumsFile)}`;
        const input = spec(url, { checksum, signature: { keyring } });
        const error = await errorOf(resolveInput("x", input, sandbox.context()));
        expect(error).toMatchObject({ code: "INPUT_SIGNATURE", exitCode: 4 });
        expect(error.message).toContain(words);
      }
      expect(server.requestsOf("/a")).toHaveLength(0);
    });
  });

  it("is needed where a signature is given", async () => {
    const signature = { url: `${server.origin}/sig`, keyring: fileURLToPath(import.meta.url) };
    const url = server.serve("/a", content);
    const error = await errorOf(resolveInput("x", spec(url, { signature }), sandbox.context()));
    expect(error.message).toContain("a signature requires a checksum file");
  });
});
