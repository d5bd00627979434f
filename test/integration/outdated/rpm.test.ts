/** `vmbuild outdated` of an image with rpm packages, against repositories that createrepo_c makes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { startFileServer } from "../../support/http-server.js";
import type { FileServer } from "../../support/http-server.js";
import { hasRpmTools, serveRpmRepository } from "../../support/rpm-repository.js";
import { exampleManifest } from "../../unit/artifact/example.js";

const INSTALLED = [
  ["kernel", "4.18.0-1.el8", "noarch"],
  ["kernel", "4.18.0-2.el8", "noarch"],
  ["library", "1:1.0-1", "noarch"],
  ["module", "1.0-1.module+el8.4+1", "noarch"],
  ["own", "1.0-1", "noarch"],
  ["tool", "1.0-1", "x86_64"],
];

let home: CliHome;
let server: FileServer;
let repository: string;

/** Writes what is beside an image whose guest had these repositories. */
async function write(repositories: readonly object[], installed = INSTALLED): Promise<void> {
  const described = { count: installed.length, list: "packages.txt", sbom: "sbom.cdx.json" };
  const manifest = { ...exampleManifest(), inputs: [], name: "demo" };
  const packages = { ...described, ...(repositories.length > 0 ? { repositories } : {}) };
  await home.write({
    "appliances/demo/demo.json": { name: "demo", base: { bootstrap: { suite: "bookworm" } } },
    "output/demo/manifest.json": formatManifest(Object.assign(manifest, { packages })),
    "output/demo/packages.txt": installed.map((one) => `${one.join("\t")}\trpm\n`).join(""),
  });
}

const outdated = (...args: string[]): Promise<CliResult> => home.run("outdated", "demo", ...args);
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

describe.skipIf(!(await hasRpmTools()))(
  "rpm packages (needs rpmbuild and createrepo_c)",
  { timeout: 180_000 },
  () => {
    beforeEach(async () => {
      [home, server] = await Promise.all([makeCliHome(), startFileServer()]);
      const packages = [
        { name: "kernel", version: "4.18.0", release: "2.el8" },
        { name: "library", version: "1.5", epoch: 1 },
        { name: "module", version: "2.0", release: "1.module+el8.9+2" },
        { name: "tool", version: "1.0~rc1" },
      ];
      repository = await serveRpmRepository(server, "rocky/8", join(home.folder, "rocky"), {
        packages,
      });
      await write([{ kind: "baseurl", address: repository }]);
    }, 120_000);
    afterEach(async () => {
      await server.close();
      await home[Symbol.asyncDispose]();
    });

    it("are compared with the repositories of the image; exit 10 names what is newer", async () => {
      const { exitCode, stdout, stderr } = await outdated();
      expect(stderr).toBe("");
      expect(exitCode).toBe(10);
      const words = "1 of 4 have a newer version; 1 of modules are not compared as of 20";
      expect(oneLine(stdout)).toContain(`packages changed ${words}`);
      expect(stdout).toContain("library  1:1.0-1  ->  1:1.5-1  noarch");
      expect(stdout).not.toMatch(/^ +(?:own|tool|kernel|module) /m);
      expect(stdout).toContain("Build it again: vmbuild run demo --force");

      await write([{ kind: "baseurl", address: repository }], [["library", "1:1.5-1", "noarch"]]);
      const now = await outdated();
      expect(now.stdout).toContain("0 of 1 have a newer version");
      expect(now.exitCode).toBe(0);
    });

    it.each([["--compress-type=xz"], ["--compress-type=bz2"]])(
      "are read from lists made with %s",
      async (type) => {
        const other = await serveRpmRepository(server, "other", join(home.folder, "other"), {
          packages: [{ name: "own", version: "1.0", release: "2" }],
          args: [type, "--checksum=sha512"],
        });
        const { exitCode, stdout } = await outdated("--rpm-source", other);
        expect(stdout).toContain("own  1.0-1  ->  1.0-2  noarch");
        expect(exitCode).toBe(10);
      },
    );

    it("are compared with the first mirror that has the list", async () => {
      const absent = `${server.origin}/absent/`;
      const mirrors = `# mirrors\n\n${absent}\n${repository}\n`;
      const mirrorlist = server.serve("/mirrorlist", Buffer.from(mirrors));
      await write([{ kind: "mirrorlist", address: mirrorlist }]);
      expect((await outdated()).exitCode).toBe(10);
      const urls = [absent, repository].map(
        (url) => `<url protocol="http" preference="9">${url}repodata/repomd.xml</url>`,
      );
      const xml = `<?xml version="1.0"?><metalink><files><file name="repomd.xml"><resources>
      ${urls.join("\n")}</resources></file></files></metalink>`;
      const metalink = server.serve("/metalink", Buffer.from(xml));
      await write([{ kind: "metalink", address: metalink }]);
      expect((await outdated()).exitCode).toBe(10);

      server.serve("/mirrorlist", Buffer.from("# none\n"));
      await write([{ kind: "mirrorlist", address: mirrorlist }]);
      const { exitCode, stderr } = await outdated();
      expect(exitCode).toBe(4);
      expect(oneLine(stderr)).toContain("names no mirror over HTTP");
      expect(stderr).toContain("--rpm-source");
    });

    it("are compared with a mirror that replaces the server", async () => {
      await write([{ kind: "baseurl", address: "http://dl.example.invalid/rocky/8/" }]);
      const mirror = `http://dl.example.invalid/rocky=${server.origin}/rocky`;
      expect((await outdated("--mirror", mirror)).exitCode).toBe(10);
      await write([]);
      const without = await outdated();
      expect(without.stdout).toContain("the manifest names no repositories; see --rpm-source");
      expect(without.exitCode).toBe(0);
      const wrong = await outdated("--rpm-source", "ftp://archive.example.org/rocky");
      expect(oneLine(wrong.stderr)).toContain("is not an address over HTTP");
    });

    it("are not trusted when the list, its description or the signature is wrong", async () => {
      const folder = join(home.folder, "rocky", "repodata");
      const repomd = "/rocky/8/repodata/repomd.xml";
      const text = await readFile(join(folder, "repomd.xml"), "utf8");
      const primary = /href="(repodata\/[^"]*primary\.xml\.gz)"/.exec(text)?.[1] ?? "";
      server.serve(`/rocky/8/${primary}`, Buffer.from("altered"));
      const altered = await outdated();
      expect(altered.exitCode).toBe(4);
      expect(altered.stderr).toContain("INPUT_CHECKSUM");

      server.serve(repomd, Buffer.from(text.slice(0, text.length / 2)));
      const cut = await outdated();
      expect(cut.exitCode).toBe(4);
      expect(oneLine(cut.stderr)).toContain("repomd.xml is not understood");

      server.injectFaults(repomd, { kind: "status", status: 404 });
      const absent = await outdated();
      expect(absent.exitCode).toBe(4);
      expect(absent.stderr).toContain("INPUT_DOWNLOAD");
    });

    it("are verified by the signature of the repository with --keyring", async () => {
      const keyring = async (name: string): Promise<string[]> => {
        const gnupg = join(home.folder, name);
        await execa("mkdir", ["-m", "700", gnupg]);
        const gpg = ["--homedir", gnupg, "--batch", "--quiet", "--passphrase", ""];
        await execa("gpg", [...gpg, "--quick-gen-key", `${name}@example.org`, "rsa2048", "sign"]);
        await execa("gpg", [...gpg, "--output", join(gnupg, "key.gpg"), "--export"]);
        return gpg;
      };
      const [gpg] = [await keyring("own"), await keyring("other")];
      const repomd = join(home.folder, "rocky", "repodata", "repomd.xml");
      await execa("gpg", [...gpg, "--armor", "--detach-sign", repomd]);
      server.serve("/rocky/8/repodata/repomd.xml.asc", await readFile(`${repomd}.asc`));
      const key = (name: string): string => join(home.folder, name, "key.gpg");
      expect((await outdated("--keyring", key("own"))).exitCode).toBe(10);
      const refused = await outdated("--keyring", key("other"));
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain("INPUT_SIGNATURE");
    });
  },
);
