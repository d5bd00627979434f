/** The marketplace entry: filled-in, unchanged and refused keys. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { composeEntry } from "../../../src/marketplace/entry.js";
import type { Manifest } from "../../../src/artifact/manifest.js";
import { exampleManifest } from "../artifact/example.js";
import { errorOf } from "../../support/inputs.js";
import { ENTRY } from "../../support/marketplace.js";

const md5 = "0123456789abcdef0123456789abcdef";
const sha256 = md5 + md5;
const file = {
  name: "small-1.2.0.qcow2",
  format: "qcow2",
  size: 900,
  virtualSize: 53_687_091_200,
  checksums: { md5, sha256 },
};
const manifest: Manifest = {
  ...exampleManifest(),
  name: "small",
  version: "1.2.0",
  created: "2026-02-14T17:04:00.900Z",
  arch: "x86_64",
  files: [file],
};
const url = "https://images.example.org/small-1.2.0.qcow2";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-market-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function compose(text: string, more: Partial<Manifest> = {}): Promise<string> {
  const path = join(folder, "marketplace.yaml");
  await writeFile(path, text);
  return composeEntry(path, { manifest: { ...manifest, ...more }, url });
}

/** Returns the problems, without the folder. */
async function problems(text: string): Promise<string[]> {
  const error = await errorOf(compose(text));
  expect(error.code).toBe("MARKETPLACE_INVALID");
  return error.lines.map((line) => line.replace(`${folder}/`, ""));
}

describe("composeEntry", () => {
  it("describes the first image that a machine can start from", async () => {
    const ova = { ...file, name: "small.ova", format: "ova", checksums: {} };
    const packed = { ...file, name: "small.qcow2.xz", pack: "xz" as const, checksums: {} };
    const text = await compose(ENTRY, { files: [ova, packed, file] });
    expect(parse(text)).toMatchObject({ images: [{ checksum: { md5, sha256 } }] });
  });

  it("changes what follows from the image, and nothing else", async () => {
    const filled = (await compose(ENTRY)).split("\n");
    const before = ENTRY.split("\n");
    expect(filled).toHaveLength(before.length);
    const changed = before.flatMap((line, index) =>
      line === filled[index] ? [] : [[line.trim(), filled[index]?.trim()]],
    );
    expect(changed).toEqual([
      ["version: 0.0.0 # the image's", "version: 1.2.0 # the image's"],
      ["creation_time: 0", "creation_time: 1771088640"],
      ["https://PUBLISH_URL/small.qcow2", url],
      ["size: 1", "size: 53687091200"],
      ["md5: 'PLACEHOLDER'", `md5: '${md5}'`],
      ["sha256: 'PLACEHOLDER'", `sha256: '${sha256}'`],
    ]);
  });

  it("preserves indented lists, and changes nothing the second time", async () => {
    const indented = ENTRY.replace(
      "- llm # first\n- 'service'",
      "  - llm # first\n  - 'service'",
    ).replace(
      /images:\n([^]*)$/,
      (_all, rest: string) => `images:\n${rest.replaceAll(/^(?=.)/gm, "  ")}`,
    );
    const filled = await compose(indented);
    expect(filled).toContain("tags:\n  - llm # first\n");
    expect(filled).toContain("images:\n  - name: small_os\n");
    expect(await compose(filled)).toBe(filled);
  });

  it("writes a version that looks like a number as a text", async () => {
    const filled = await compose(ENTRY, { version: "1.10" });
    expect((parse(filled) as { version: unknown }).version).toBe("1.10");
  });

  it("adds missing keys", async () => {
    const without = ENTRY.replace("creation_time: 0\n", "").replace("  size: 1\n", "");
    const entry = parse(await compose(without)) as Record<string, unknown>;
    expect(entry).toMatchObject({ creation_time: 1771088640, images: [{ size: 53687091200 }] });
  });

  it("fills in the disk of the operating system, where there are several", async () => {
    const data = [
      ...["- name: data", `  url: https://x.org/data.qcow2`, "  type: DATABLOCK"],
      ...["  dev_prefix: vd", "  driver: qcow2", "  size: 5", "  checksum:"],
      ...[`    md5: ${"1".repeat(30)}ab`, `    sha256: ${"2".repeat(62)}ab`],
    ].join("\n");
    const entry = parse(await compose(ENTRY.replace("images:\n", `images:\n${data}\n`))) as {
      images: unknown[];
    };
    expect(entry.images).toMatchObject([{ size: 5 }, { url, size: 53687091200 }]);
  });

  it.each([
    ["os-release: '24.04'", "os-release: 24.04", "os-release: must be a string: put it in quotes"],
    ['opennebula_version: "6.10, 7.0"', "opennebula_version: 7.0", "must be a string"],
    ["publisher: Somebody\n", "", "publisher: is missing; expected a string"],
    ["logo: small.png", "lgo: small.png", 'unknown key "lgo"'],
    ["tags:\n- llm # first\n- 'service'", "tags: []", "tags: has no tag"],
    ["hypervisor: KVM", "hypervisor: kvm", 'expected one of "KVM", "LXC"'],
    ["  cpu: '4'", "  cpu: 4", "opennebula_template.cpu: must be a string"],
    ["  cpu: '4'", "  CPU: '4'", "opennebula_template.cpu: is missing; a string is required"],
    ["  cpu: '4'", "  cpu: '4'\n  NIC: x", "NIC: a key consists of lower-case letters"],
    ["    network: 'YES'", "    NETWORK: 'YES'", "lower-case"],
    ["    network: 'YES'", "    network: YES\n    other: true", "must be a string"],
    [
      "ONEAPP_COPILOT_PASSWORD,ONEAPP_COPILOT_THREADS",
      "ONEAPP_COPILOT_PASSWORD",
      "ONEAPP_COPILOT_THREADS occurs in it not at all",
    ],
    [
      "PASSWORD,ONEAPP",
      "PASSWORD,ONEAPP_COPILOT_PASSWORD,ONEAPP",
      "ONEAPP_COPILOT_PASSWORD occurs in it twice",
    ],
    ["PASSWORD,ONEAPP", "PASSWORD,oneapp_x,ONEAPP", "oneapp_x is not in upper case"],
    ["PASSWORD,ONEAPP", "PASSWORD,ONEAPP_X,ONEAPP", "ONEAPP_X is not among the user_inputs"],
    ["PASSWORD,ONEAPP", "PASSWORD, ONEAPP", "has spaces around ONEAPP_COPILOT_THREADS"],
    ["'O|number|Threads| |0'", "'X|number|Threads| |0'", "begins with X, not with M or O"],
    ["'O|number|Threads| |0'", "'O|int|Threads| |0'", "has the type int, not one of text"],
    ["'O|number|Threads| |0'", "'O|number|| |0'", "has no description"],
    ["'O|number|Threads| |0'", "'O|number|Threads|a|b|c'", "has 6 parts"],
    ["  dev_prefix: vd", "  dev_prefix: sata", "images[0].dev_prefix: expected one of"],
    ["  driver: qcow2", "  driver: raw", "images[0].driver: is raw, while format is qcow2"],
    ["logo: small.png", "logo: PLACEHOLDER.png", "logo: contains a placeholder"],
    ["format: qcow2", "format: raw", 'format: is "raw", while the image is qcow2'],
    ["x86_64", "aarch64", 'os-arch: is "aarch64", while the image is x86_64'],
  ])("refuses %j as %j, and says where", async (text, wrong, words) => {
    const broken = ENTRY.replace(text, wrong);
    expect(broken).not.toBe(ENTRY);
    const lines = await problems(broken);
    expect(lines.join("\n")).toContain(words);
    for (const line of lines) expect(line).toMatch(/^marketplace\.yaml:\d+:\d+: /);
  });

  it("reports the line", async () => {
    const [line] = await problems(ENTRY.replace("hypervisor: KVM", "hypervisor: kvm"));
    const number = ENTRY.split("\n").indexOf("hypervisor: KVM") + 1;
    expect(line).toBe(`marketplace.yaml:${number}:13: hypervisor: expected one of "KVM", "LXC"`);
  });

  it.each(["a: [", "just text", "- a list", ""])("refuses %j", async (text) => {
    expect((await problems(text)).length).toBeGreaterThan(0);
  });

  it("requires both checksums in the manifest", async () => {
    const more = { files: [{ ...file, checksums: { sha256 } }] };
    const error = await errorOf(compose(ENTRY, more));
    expect(error).toMatchObject({ code: "ARTIFACT_INVALID", lines: ["missing: md5"] });
  });

  it("reports an appliance without an entry", async () => {
    const error = await errorOf(composeEntry(join(folder, "none.yaml"), { manifest, url }));
    expect(error).toMatchObject({ code: "MARKETPLACE_INVALID" });
    expect(error.message).toContain("none.yaml cannot be read");
  });
});
