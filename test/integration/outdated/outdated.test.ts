/** `vmbuild outdated` against a real apt repository, file server, git repository and OCI registry. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import type { Manifest } from "../../../src/artifact/manifest.js";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { InputSpec } from "../../../src/inputs/inputs.js";
import { serveAptRepository } from "../../support/apt-repository.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { startFileServer } from "../../support/http-server.js";
import type { FileServer, ServedFile } from "../../support/http-server.js";
import { serveImage } from "../../support/registry.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let home: CliHome;
let server: FileServer;
beforeEach(async () => {
  home = await makeCliHome();
  server = await startFileServer();
});
afterEach(async () => {
  await server.close();
  await home[Symbol.asyncDispose]();
});

const sha512 = (content: Buffer): string => createHash("sha512").update(content).digest("hex");

/** Fetches a source as a run does, and describes it as the run's manifest does. */
async function fetched(name: string, spec: InputSpec): Promise<Manifest["inputs"][number]> {
  const input = await resolveInput(name, spec, {
    ...{ emit: () => {}, signal: new AbortController().signal, offline: false },
    cacheFolder: join(home.cache, "inputs"),
  });
  const { origin, digest, commit, upstream } = input;
  return {
    name,
    origin,
    ...(digest ? { digest: `sha256:${digest.hex}` } : {}),
    ...(commit === undefined ? {} : { commit }),
    ...(upstream ? { upstream: { ...upstream, digests: { ...upstream.digests } } } : {}),
  };
}

interface Image {
  readonly base?: object;
  readonly inputs?: Record<string, object>;
  readonly manifest?: Partial<Manifest>;
  readonly packages?: string;
}

/** Writes a template and what is beside its image, without the image. */
async function write(name: string, { base, inputs, manifest, packages }: Image): Promise<void> {
  const bootstrap = { bootstrap: { suite: "bookworm" } };
  const whole = { ...exampleManifest(), inputs: [], name, ...manifest };
  await home.write({
    [`appliances/${name}/${name}.json`]: { name, base: base ?? bootstrap, inputs: inputs ?? {} },
    [`output/${name}/manifest.json`]: formatManifest(whole),
    ...(packages === undefined ? {} : { [`output/${name}/packages.txt`]: packages }),
  });
}

const outdated = (...args: string[]): Promise<CliResult> => home.run("outdated", ...args);

/** Returns the checks of the first image by their subjects. */
async function checksOf(...args: string[]) {
  const { stdout, exitCode } = await outdated(...args, "--json");
  const { images } = JSON.parse(stdout) as {
    images: { checks: { what: string; state: string; reason: string; to?: string }[] }[];
  };
  return { exitCode, checks: new Map(images[0]?.checks.map((check) => [check.what, check])) };
}

describe("packages", () => {
  const installed = "hello\t1.0-1\tall\tdeb\nown\t1\tamd64\tdeb\n";
  let key: string;
  beforeEach(async () => {
    const folder = join(home.folder, "repository");
    const packages = [{ name: "hello", version: "1.0-2" }];
    const source = { suite: "bookworm", component: "main", packages };
    ({ key } = await serveAptRepository(server, "debian", folder, source));
    const release = `${server.origin}/debian/dists/bookworm/`;
    const indexes = [{ release, packages: "main/binary-amd64/Packages" }];
    const described = { count: 2, list: "packages.txt", sbom: "sbom.cdx.json", indexes };
    await write("demo", { packages: installed, manifest: { packages: described } });
  });

  it("are compared with the repositories of the image; exit 10 names what is newer", async () => {
    const { exitCode, stdout, stderr } = await outdated("demo", "--keyring", key);
    expect(stderr).toBe("");
    expect(exitCode).toBe(10);
    expect(stdout).toMatch(/^demo {2}outdated {2}built 2026-01-02$/m);
    expect(stdout).toMatch(/packages {2}changed {2}1 of 2 have a newer version as of 20\d\d-/);
    expect(stdout).toContain("hello  1.0-1  ->  1.0-2  all");
    expect(stdout).toContain("Build it again: vmbuild run demo --force");
    expect(stdout).not.toMatch(/^ +own /m);

    const json = await outdated("--json");
    expect(json.exitCode).toBe(10);
    expect(JSON.parse(json.stdout)).toMatchObject({
      outdated: true,
      images: [
        {
          ...{ name: "demo", state: "outdated", rebuild: "vmbuild run demo --force" },
          checks: [
            { what: "base", state: "unknown" },
            {
              ...{ what: "packages", state: "changed" },
              upgrades: [{ name: "hello", arch: "all", from: "1.0-1", to: "1.0-2" }],
            },
          ],
        },
      ],
    });

    await home.write({ "output/demo/packages.txt": "hello\t1.0-2\tall\tdeb\n" });
    const now = await outdated("--all");
    expect(now.stdout).toContain("0 of 1 have a newer version");
    expect(now.exitCode).toBe(0);
  });

  it("are compared with a mirror, or with a given source", async () => {
    const described = { count: 2, list: "packages.txt", sbom: "sbom.cdx.json" };
    const release = "http://deb.example.invalid/debian/dists/bookworm/";
    const indexes = [{ release, packages: "main/binary-amd64/Packages" }];
    const manifest = { packages: { ...described, indexes } };
    await write("demo", { packages: installed, manifest });
    const mirror = `http://deb.example.invalid/debian=${server.origin}/debian`;
    expect((await outdated("demo", "--mirror", mirror)).exitCode).toBe(10);
    const source = `deb ${server.origin}/debian bookworm main`;
    expect((await outdated("demo", "--apt-source", source)).exitCode).toBe(10);

    await write("demo", { packages: installed, manifest: { packages: described } });
    const without = await outdated("demo");
    expect(without.stdout).toContain("the manifest names no repositories; see --apt-source");
    expect(without.exitCode).toBe(0);
  });

  it("say what could not be asked for, with exit 4", async () => {
    server.injectFaults("/debian/dists/bookworm/InRelease", { kind: "status", status: 404 });
    const { exitCode, stdout, stderr } = await outdated("demo");
    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/packages {2}failed/);
    const asked = `${server.origin}/debian/dists/bookworm/InRelease`;
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(asked);
    expect(stderr).toContain("INPUT_DOWNLOAD");
  });

  it("are not trusted when the list or its signature is wrong", async () => {
    const list = "/debian/dists/bookworm/main/binary-amd64/Packages";
    server.serve(list, Buffer.from("Package: hello\nVersion: 9\nArchitecture: all\n"));
    const altered = await outdated("demo");
    expect(altered.exitCode).toBe(4);
    expect(altered.stderr).toContain("INPUT_CHECKSUM");

    const other = join(home.folder, "other");
    const source = { suite: "x", component: "main", packages: [] };
    const { key: otherKey } = await serveAptRepository(server, "other", other, source);
    const unsigned = await outdated("demo", "--keyring", otherKey);
    expect(unsigned.exitCode).toBe(4);
    expect(unsigned.stderr).toContain("INPUT_SIGNATURE");
  });

  it("are read from a compressed list that is found by its checksum", async () => {
    const text = "Package: hello\nVersion: 1.0-3\nArchitecture: all\n";
    const { stdout } = await execa("xz", ["--stdout"], { input: text, encoding: "buffer" });
    const packed = Buffer.from(stdout);
    const hex = sha512(packed);
    const root = "/apt/dists/s";
    const release = [
      ...["Acquire-By-Hash: yes", "Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC", "SHA512:"],
      ` ${hex} ${packed.length} main/binary-amd64/Packages.xz`,
    ];
    server.serve(`${root}/InRelease`, Buffer.from(release.join("\n")));
    server.serve(`${root}/main/binary-amd64/by-hash/SHA512/${hex}`, packed);
    const source = `deb ${server.origin}/apt s main absent`;
    const found = await outdated("demo", "--apt-source", source);
    expect(found.stdout).toContain("hello  1.0-1  ->  1.0-3  all");
    expect(found.stderr.replaceAll(/\s+/g, " ")).toContain("the mirror is out of date");
  });
});

describe("the base and the inputs", () => {
  it("are compared by checksum files, validators, git refs and OCI layers", async () => {
    const image = Buffer.from("an image");
    const next = Buffer.from("another image");
    const sums: ServedFile = { content: Buffer.from(`${sha512(image)}  debian.qcow2\n`) };
    const url = server.serve("/debian.qcow2", image);
    const checksum = `file:${server.serve("/SHA512SUMS", sums)}`;
    const tool: ServedFile = { content: Buffer.from("v1"), etag: '"1"' };
    const toolUrl = server.serve("/tool", tool);
    const fixed = `sha256:${createHash("sha256").update(image).digest("hex")}`;
    const repository = join(home.folder, "repository");
    const git = (...args: string[]) =>
      execa("git", ["-C", repository, "-c", "user.name=x", "-c", "user.email=x@x", ...args]);
    await execa("git", ["init", "--quiet", "--initial-branch=main", repository]);
    await git("commit", "--quiet", "--allow-empty", "-m", "one");
    const layer = async (text: string): Promise<Buffer> => {
      await home.write({ [`layer/${text}`]: text });
      const args = ["-C", join(home.folder, "layer"), "-cz", text];
      return Buffer.from((await execa("tar", args, { encoding: "buffer" })).stdout);
    };
    const { name: oci } = serveImage(server, "files:latest", [await layer("one")]);

    const base = await fetched("base", { kind: "url", url, checksum });
    const inputs = [
      await fetched("tool", { kind: "url", url: toolUrl, checksum: "none" }),
      await fetched("fixed", { kind: "url", url, checksum: fixed }),
      await fetched("tree", { kind: "git", url: repository, ref: "main" }),
      await fetched("files", { kind: "oci", image: oci }),
    ];
    const { origin, digest, upstream } = base;
    await write("demo", {
      base: { url, checksum },
      inputs: {
        tool: { url: toolUrl, checksum: "none" },
        fixed: { url, checksum: fixed },
        tree: { git: repository, ref: "main" },
        files: { oci },
      },
      manifest: { base: { kind: "url", origin, digest, upstream }, inputs },
    });
    const images = server.requestsOf("/debian.qcow2").length;
    const before = await checksOf("demo");
    const states = (found: typeof before) => [...found.checks.values()].map(({ state }) => state);
    const current = ["current", "current", "current", "current", "current"];
    expect(states(before)).toEqual([...current, "unknown"]);
    expect(before.exitCode).toBe(0);

    Object.assign(sums, { content: Buffer.from(`${sha512(next)}  debian.qcow2\n`) });
    sums.lastModified = "Thu, 26 Nov 2026 14:08:12 GMT";
    Object.assign(tool, { content: Buffer.from("v2"), etag: '"2"' });
    await git("commit", "--quiet", "--allow-empty", "-m", "two");
    serveImage(server, "files:latest", [await layer("two")]);
    const after = await checksOf("demo");
    expect(after.exitCode).toBe(10);
    const changed = ["changed", "changed", "current", "changed", "changed"];
    expect(states(after)).toEqual([...changed, "unknown"]);
    expect(after.checks.get("base")).toMatchObject({
      ...{ reason: "its checksum differs", since: "2026-11-26T14:08:12.000Z" },
      ...{ from: `sha512:${sha512(image)}`, to: `sha512:${sha512(next)}` },
    });
    expect(after.checks.get("input tool")).toMatchObject({ from: '"1"', to: '"2"' });
    const { stdout: head } = await git("rev-parse", "main");
    expect(after.checks.get("input tree")?.to).toBe(head);
    // Nothing but small files was downloaded.
    expect(server.requestsOf("/debian.qcow2")).toHaveLength(images);
    const { stdout } = await outdated("demo");
    expect(stdout).toMatch(
      /base +changed +its checksum differs since 2026-11-26: sha512:\w{12} -> /,
    );
    expect(stdout).toMatch(/Build it again: vmbuild run demo$/);
  });

  it("of an image on another one are outdated with it", async () => {
    await write("low", { inputs: { added: { path: "x" } }, manifest: { name: "low" } });
    await home.write({ "appliances/low/x": "x" });
    const base = { kind: "appliance", origin: "low", digest: `sha256:${"b".repeat(64)}` };
    await write("high", { base: { appliance: "low" }, manifest: { base } });
    const { exitCode, stdout } = await outdated("high");
    expect(exitCode).toBe(10);
    expect(stdout).toMatch(/input added +changed +the template has it since/);
    expect(stdout).toMatch(/base +changed +low is outdated itself/);
  });
});

it("refuses what cannot be checked", async () => {
  await home.write({
    "appliances/new/new.json": { name: "new", base: { bootstrap: { suite: "bookworm" } } },
  });
  await write("demo", {});
  const cases: [flags: string[], exit: number, words: string][] = [
    [["demo", "--all"], 2, "--all checks every image, and takes no names"],
    [["demo", "--mirror", "http://a"], 2, "two addresses are required"],
    [["new"], 4, "new has no image to compare"],
    [[], 0, "new has no image to compare"],
  ];
  for (const [flags, exit, words] of cases) {
    const { exitCode, stderr } = await outdated(...flags);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
    expect(exitCode).toBe(exit);
  }
});
