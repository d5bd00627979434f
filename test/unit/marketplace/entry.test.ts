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

async function composed(text: string, more: Partial<Manifest> = {}, uuid?: string) {
  const path = join(folder, "marketplace.yaml");
  await writeFile(path, text);
  return composeEntry(path, { manifest: { ...manifest, ...more }, url, uuid });
}

async function compose(text: string, more: Partial<Manifest> = {}): Promise<string> {
  return (await composed(text, more)).text;
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
    ["logo: small.png", "logo: PLACEHOLDER.png", "logo: contains a placeholder"],
    ["format: qcow2", "format: raw", 'format: is "raw", while the image is qcow2'],
    ["x86_64", "aarch64", 'os-arch: is "aarch64", while the image is x86_64'],
    ["  cpu: '4'", "  cpu: 4", "opennebula_template.cpu: must be a string"],
    ['"6.10, 7.0"', "6.10", "opennebula_version: is read as the number 6.1, not as 6.10"],
    ["name: Small Copilot\n", "", "name: is missing"],
  ])("refuses %j as %j, and says where", async (text, wrong, words) => {
    const broken = ENTRY.replace(text, wrong);
    expect(broken).not.toBe(ENTRY);
    const lines = await problems(broken);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(words);
    expect(lines[0]).toMatch(/^marketplace\.yaml:\d+:\d+: /);
  });

  it("warns of what OpenNebula accepts, with the line", async () => {
    const text = ENTRY.replace("hypervisor: KVM", "hypervisor: Xen");
    const number = ENTRY.split("\n").indexOf("hypervisor: KVM") + 1;
    const { warnings } = await composed(text);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`marketplace\\.yaml:${number}:13: hypervisor: is Xen; `)),
    ]);
    expect((await composed(ENTRY)).warnings).toEqual([]);
  });

  it("fills in no image where the entry has none of its own", async () => {
    const service = ENTRY.replace(/\nimages:[^]*$/, "\n")
      .replace("format: qcow2", "type: VMTEMPLATE\ndisks: [Small Copilot]")
      .replace("logo:", "images: []\nlogo:");
    const entry = parse(await compose(service)) as Record<string, unknown>;
    expect(entry).toMatchObject({ version: "1.2.0", creation_time: 1771088640, images: [] });
  });

  it("refuses another UUID than the entry's own identifier", async () => {
    const own = "2def0784-3310-479b-9533-5dd6cc0fe2b7";
    const text = ENTRY.replace("name:", `id: ${own}\nname:`);
    expect((await composed(text, {}, own)).warnings).toEqual([]);
    const error = await errorOf(composed(text, {}, own.replace("2", "3")));
    expect(error.lines).toEqual([
      expect.stringContaining(`id: is ${own}, while --uuid is ${own.replace("2", "3")}`),
    ]);
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
