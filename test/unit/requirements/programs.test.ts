/** Programs of the host that a template needs. */
import { describe, expect, it } from "vitest";
import { programsFor } from "../../../src/requirements/programs.js";
import { load, templateText } from "../template/support.js";

const checksum = `sha256:${"a".repeat(64)}`;
const base = { url: "https://example.org/a.qcow2", checksum };

const COMMON = ["qemu-system-x86_64", "qemu-img", "qemu-io", "xorriso", "setpriv", "flock"];

/** Returns the programs of a template that an empty template does not need. */
async function programsBeyond(more: Record<string, unknown>): Promise<string[]> {
  const [plain, full] = await Promise.all([
    load(templateText({ base })),
    load(templateText({ base, ...more })),
  ]);
  const common = programsFor(plain);
  return programsFor(full).filter((name) => !common.includes(name));
}

const ROWS: [why: string, more: Record<string, unknown>, programs: string[]][] = [
  ["a base that is used as it is", {}, []],
  ["a packed base", { base: { url: "https://example.org/a.qcow2.xz", checksum } }, ["xz"]],
  [
    "an ending in capitals, which is unpacked like any other",
    { base: { url: "https://example.org/Image.QCOW2.XZ", checksum } },
    ["xz"],
  ],
  [
    "an ending that is written with escapes, before a query",
    { base: { url: "https://example.org/a.raw%2Ezst?x=.gz", checksum } },
    ["zstd"],
  ],
  [
    "a signed sums file",
    {
      base: {
        ...base,
        checksum: "file:SUMS",
        signature: { url: "https://example.org/SUMS.gpg", keyring: "keys.gpg" },
      },
    },
    ["gpgv"],
  ],
  [
    "inputs, each by its kind",
    {
      inputs: {
        tree: { git: "https://example.org/a.git", ref: "v1" },
        image: { oci: "example.org/a/b:1" },
        packed: { url: "https://example.org/A.GZ", checksum, unpack: true },
        asItIs: { url: "https://example.org/a.xz", checksum },
        here: { path: "." },
      },
    },
    ["git", "tar", "gzip"],
  ],
  ["an action on the host", { steps: [{ name: "a", actions: [{ local: "make" }] }] }, ["bash"]],
  [
    "images that are packed, and a box",
    {
      output: {
        pack: "xz",
        formats: [{ format: "raw", pack: "zst" }, { format: "vagrant-libvirt" }],
      },
    },
    ["xz", "bash", "zstd", "gzip"],
  ],
  [
    "actions in the guest",
    { steps: [{ name: "a", actions: [{ run: "x" }, { reboot: true }] }] },
    [],
  ],
];

describe("programsFor", () => {
  it.each(ROWS)("names what is needed for %s", async (_why, more, programs) => {
    expect(await programsBeyond(more)).toEqual(programs);
  });

  it("names each program once, the ones of every run first", async () => {
    expect(programsFor(await load(templateText({ base })))).toEqual([
      ...COMMON,
      ...["sync", "fallocate"], // Saving checkpoints.
    ]);
    const bootstrapped = programsFor(await load(templateText()));
    expect(bootstrapped).toEqual([...new Set(bootstrapped)]);
    expect(bootstrapped).toContain("mmdebstrap");
  });

  it("leaves out what only sealing and checkpoints run", async () => {
    const template = await load(templateText({ base, seal: false, checkpoints: false }));
    expect(programsFor(template)).toEqual(COMMON.filter((name) => name !== "qemu-io"));
  });
});
