import { describe, expect, it } from "vitest";
import { parseChecksum } from "../../../src/inputs/checksum.js";
import { inputSpec } from "../../../src/inputs/definition.js";
import { inputLocation } from "../../../src/inputs/inputs.js";
import { urlInput } from "../../../src/inputs/kinds/url.js";
import { inputSchema } from "../../../src/inputs/registry.js";

const sum = `sha256:${"a".repeat(64)}`;
const url = "https://example.org/images/a.qcow2.xz";
const templateFolder = "/templates/demo";

describe("inputSchema", () => {
  it.each([
    [{ url, checksum: sum }],
    [{ url, checksum: "none", mirrors: ["http://b.example.org/a"], unpack: true, env: "A_FILE" }],
    [{ url, checksum: "file:SUMS", signature: { url: `${url}.gpg`, keyring: "keys.gpg" } }],
    [{ git: "https://example.org/a.git", ref: "v1", submodules: true, description: "tools" }],
    [{ path: "../files" }],
  ])("accepts %j", (definition) => {
    expect(inputSchema.parse(definition)).toMatchObject(definition);
  });

  it.each([
    ["a download without a checksum", { url }],
    ["an unknown key", { path: "a", checksum: sum }],
    ["two sources", { path: "a", git: "b", ref: "c" }],
    ["another scheme", { url: "ftp://example.org/a", checksum: sum }],
    ["a short checksum", { url, checksum: "sha256:abc" }],
    ["an option as a ref", { git: "https://example.org/a.git", ref: "--upload-pack=x" }],
    ["an option as a repository", { git: "--upload-pack=x", ref: "main" }],
  ])("refuses %s", (_, definition) => {
    expect(inputSchema.safeParse(definition).success).toBe(false);
  });

  it.each([
    ["https://example.org/my disk.img", "contains a space"],
    ["https://example.org/disk.img\n", "contains a space or line break"],
    ["https://example.org/100%.img", "contains a % that is not followed by two"],
    ["https://user:50%@example.org/a", "contains a % that is not followed by two"],
    ["https://user:%ff@example.org/a", "whose percent codes are not UTF-8"],
    ["https://example.org:99999/a", "is not a valid URL"],
    ["https:///example.org/a", "is not a valid URL"],
    ["file://images/a.img", "names the host images"],
    ["file://./a.img", "names the host ."],
    ["file:///a?b.img", "contains ? or #"],
    ["file:///a%2Fb.img", "is not a path on this host"],
  ])("says what is wrong with %j", (address, words) => {
    const message = expect.stringContaining(words) as string;
    const of = (definition: object) => urlInput.schema.safeParse(definition).error?.issues;
    expect(of({ url: address, checksum: sum })).toEqual([
      expect.objectContaining({ path: ["url"], message }),
    ]);
    expect(of({ url, checksum: sum, mirrors: [address] })).toEqual([
      expect.objectContaining({ path: ["mirrors", 0], message }),
    ]);
    expect(of({ url, checksum: `file:${address}` })).toContainEqual(
      expect.objectContaining({ path: ["checksum"], message }),
    );
  });

  it.each([
    "https://user:p%40ss@example.org/my%20disk.img?x=1#part",
    "file:///srv/my%20disk.img",
    "file://localhost/srv/a%3Fb",
    "https://example.org/größe.img",
  ])("accepts %s", (address) => {
    expect(urlInput.schema.safeParse({ url: address, checksum: sum }).success).toBe(true);
  });

  it("explains how to omit a checksum", () => {
    const message = urlInput.schema.safeParse({ url }).error?.issues[0]?.message;
    expect(message).toBe(
      'a download requires a checksum; use "none" to accept an unverified download',
    );
  });

  it("requires a sums file with a signature", () => {
    const signature = { url: `${url}.gpg`, keyring: "keys.gpg" };
    const message = urlInput.schema.safeParse({ url, checksum: sum, signature }).error?.issues[0];
    expect(message?.path).toEqual(["signature"]);
  });
});

describe("inputSpec", () => {
  it("makes paths absolute, from the template's folder", () => {
    const signature = { url: `${url}.gpg`, keyring: "keys/signer.gpg" };
    const definition = inputSchema.parse({ url, checksum: "file:SUMS", signature });
    expect(inputSpec(definition, { templateFolder, environment: {} })).toEqual({
      kind: "url",
      url,
      checksum: "file:/templates/demo/SUMS",
      signature: { url: `${url}.gpg`, keyring: "/templates/demo/keys/signer.gpg" },
    });
    expect(inputSpec({ path: "../files" }, { templateFolder })).toEqual({
      kind: "path",
      path: "/templates/files",
    });
    expect(
      inputSpec({ git: "../tools", ref: "main", submodules: false }, { templateFolder }),
    ).toEqual({
      kind: "git",
      url: "/templates/tools",
      ref: "main",
    });
  });

  it("prefers the flag to the environment, and that to the template", () => {
    const definition = {
      git: "https://example.org/a.git",
      ref: "v1",
      submodules: false,
      env: "TOOLS",
    };
    const environment = { TOOLS: "/from/environment" };
    const spec = (override?: string, env: Record<string, string> = environment) =>
      inputSpec(definition, { templateFolder, override, environment: env });
    expect(spec("/from/flag")).toEqual({ kind: "path", path: "/from/flag" });
    expect(spec()).toEqual({ kind: "path", path: "/from/environment" });
    expect(spec(undefined, { TOOLS: "" })).toMatchObject({ kind: "git" });
  });
});

describe("inputLocation", () => {
  it.each([
    ["a download", { url }, /^\/cache\/[0-9a-f]{20}\/a\.qcow2\.xz$/],
    ["an unpacked one", { url, unpack: true }, /^\/cache\/[0-9a-f]{20}\/a\.qcow2$/],
    ["a query", { url: "https://example.org/a.img?b=c/d" }, /\/a\.img$/],
    ["no name", { url: "https://example.org/" }, /\/download$/],
    [
      "a hidden path",
      { url: "https://example.org/..%2f..%2fetc" },
      /\/[0-9a-f]{20}\/\.\._\.\._etc$/,
    ],
    ["a name of ours", { url: "https://example.org/meta.json" }, /\/input-meta\.json$/],
  ])("is inside the cache: %s", (_, source, expected) => {
    expect(inputLocation({ kind: "url", checksum: "none", ...source }, "/cache")).toMatch(expected);
  });

  it("differs by address, ref and submodules", () => {
    const git = { kind: "git", url: "https://example.org/a.git", ref: "v1" } as const;
    const places = [git, { ...git, ref: "v2" }, { ...git, submodules: true }].map((spec) =>
      inputLocation(spec, "/cache"),
    );
    expect(new Set(places).size).toBe(3);
    expect(places[0]).toMatch(/^\/cache\/[0-9a-f]{20}\/tree$/);
  });
});

describe("parseChecksum", () => {
  it.each([
    [sum.toUpperCase(), { kind: "digest", digest: { algorithm: "sha256", hex: "a".repeat(64) } }],
    ["NONE", { kind: "none" }],
    ["file:https://example.org/SUMS", { kind: "sums", url: "https://example.org/SUMS" }],
    ["file:/srv/SUMS", { kind: "sums", url: "file:///srv/SUMS" }],
    ["file:///srv/SUMS", { kind: "sums", url: "file:///srv/SUMS" }],
  ])("reads %s", (text, expected) => {
    expect(parseChecksum(text)).toEqual(expected);
  });

  it.each(["", "sha256:", "sha256:xyz", `md5:${"a".repeat(64)}`, "crc:1", "a".repeat(64)])(
    "refuses %j",
    (text) => {
      expect(() => parseChecksum(text)).toThrow("is not a valid checksum");
    },
  );
});
