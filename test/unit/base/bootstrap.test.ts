import { describe, expect, it } from "vitest";
import { explainFailure } from "../../../src/base/bootstrap/failures.js";
import { patchBootImage, patchCoreImage } from "../../../src/base/bootstrap/grub.js";
import { finishScript, guestFiles } from "../../../src/base/bootstrap/guest.js";
import { planDisk } from "../../../src/base/bootstrap/layout.js";
import { formatSources, sourcesFor } from "../../../src/base/bootstrap/sources.js";
import {
  allPackages,
  bootstrapKey,
  checkSpec,
  derivedUuid,
} from "../../../src/base/bootstrap/spec.js";
import { bootstrapBase } from "../../../src/base/kinds/bootstrap.js";
import { followStages } from "../../../src/base/bootstrap/stages.js";
import { mmdebstrapArguments } from "../../../src/base/bootstrap/tree.js";
import { VmbuildError } from "../../../src/errors.js";
import {
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "../../../src/machine/architectures/registry.js";
import type { EventBody } from "../../../src/events/types.js";

const SPEC = { suite: "bookworm", packages: ["curl"] };

describe("the names in a bootstrap", () => {
  it.each([
    ["sid", ["g++", "libstdc++6", "python3.11"]],
    ["trixie", []],
  ])("accepts %s with %j", (suite, packages) => {
    expect(() => checkSpec({ suite, packages })).not.toThrow();
  });

  it.each([
    ["", []],
    ["-o", []],
    ["book worm", []],
    ["bookworm;reboot", []],
    ["../bookworm", []],
    ["bookworm", ["$(id)"]],
    ["bookworm", ["curl wget"]],
    ["bookworm", ["-y"]],
    ["bookworm", ["curl-"]],
    ["bookworm", ["curl+"]],
    ["bookworm", ["curl/sid"]],
    ["bookworm", ["curl=1.0"]],
    ["bookworm", ["./local.deb"]],
    ["bookworm", ["a,b"]],
  ])("refuses %j with %j", (suite, packages) => {
    expect(() => checkSpec({ suite, packages })).toThrow(VmbuildError);
  });

  it("refuses signed boot loaders that Debian does not have", () => {
    const spec = { ...SPEC, suite: "trixie", secureBoot: true };
    expect(() => checkSpec({ ...spec, arch: "riscv64" })).toThrow(
      "Debian has no signed boot loaders for riscv64",
    );
    expect(() => checkSpec({ ...spec, arch: "aarch64" })).not.toThrow();
  });

  it("reports the invalid name", () => {
    expect(() => checkSpec({ suite: "bookworm", packages: ["curl", "a b"] })).toThrow('"a b"');
  });
});

describe("a bootstrap's key", () => {
  it("does not depend on order or repetition", () => {
    const one = bootstrapKey({ suite: "bookworm", packages: ["jq", "curl", "jq"] });
    expect(bootstrapKey({ suite: "bookworm", packages: ["curl", "jq"] })).toBe(one);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["signed boot loaders", { ...SPEC, secureBoot: true }],
    ["suite", { ...SPEC, suite: "trixie" }],
    ["packages", { ...SPEC, packages: ["curl", "jq"] }],
    ["size", { ...SPEC, size: 2 ** 33 }],
  ])("depends on the %s", (_, other) => {
    expect(bootstrapKey(other)).not.toBe(bootstrapKey(SPEC));
  });

  it("gives UUIDs that are well-formed and the same each time", () => {
    const uuid = derivedUuid(SPEC, "disk");
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(derivedUuid(SPEC, "disk")).toBe(uuid);
    expect(derivedUuid(SPEC, "esp")).not.toBe(uuid);
  });
});

describe("sources of a suite", () => {
  const TARGETS = [
    "http://mirror.test/debian/|bookworm|main|Debian|Packages",
    "http://mirror.test/debian/|bookworm|contrib|Debian|Packages",
    "http://mirror.test/debian/|bookworm|main|Debian|Translations",
    "http://mirror.test/debian/|bookworm-updates|main|Debian|Packages",
    "http://mirror.test/debian/|bookworm-backports|main|Debian Backports|Packages",
    "http://mirror.test/security/|bookworm-security|main|Debian|Packages",
    "https://other.test/linux/debian/|bookworm|stable|Other|Packages",
    "file:/media/cdrom/|bookworm|main|Debian|Packages",
    "https://user:secret@mirror.test/debian/|bookworm|main|Debian|Packages",
    "",
  ].join("\n");

  it("are the host's own for the host's release", () => {
    expect(sourcesFor("bookworm", "bookworm", TARGETS)).toEqual([
      { uri: "http://mirror.test/debian/", suite: "bookworm", components: ["contrib", "main"] },
      { uri: "http://mirror.test/debian/", suite: "bookworm-updates", components: ["main"] },
      { uri: "http://mirror.test/security/", suite: "bookworm-security", components: ["main"] },
    ]);
  });

  it("take the same addresses for another release", () => {
    const sources = sourcesFor("trixie", "bookworm", TARGETS);
    expect(sources.map((source) => source.suite)).toEqual([
      "trixie",
      "trixie-updates",
      "trixie-security",
    ]);
  });

  it("have no updates for unstable, which has none", () => {
    expect(sourcesFor("sid", "bookworm", TARGETS).map((source) => source.suite)).toEqual(["sid"]);
  });

  it("are empty where the host has no Debian archive", () => {
    const ubuntu = "http://mirror.test/ubuntu/|noble|main|Ubuntu|Packages";
    expect(sourcesFor("bookworm", "noble", ubuntu)).toEqual([]);
  });

  it("are written as deb822, one stanza each", () => {
    const source = { uri: "http://mirror.test/debian/", suite: "trixie", components: ["main"] };
    expect(formatSources([source, source], "/k.gpg")).toBe(
      Array(2)
        .fill(
          "Types: deb\nURIs: http://mirror.test/debian/\nSuites: trixie\nComponents: main\n" +
            "Signed-By: /k.gpg\n",
        )
        .join("\n"),
    );
  });
});

describe("the disk's plan", () => {
  const layout = planDisk(SPEC);

  it("separates partitions on whole MiB, and leaves room for GPT at both ends", () => {
    const parts = [layout.biosBoot, layout.esp, layout.root].filter((part) => part !== undefined);
    expect(parts).toHaveLength(3);
    let end = 2 ** 20;
    for (const part of parts) {
      expect(part.offset).toBeGreaterThanOrEqual(end);
      expect(part.offset % 2 ** 20).toBe(0);
      end = part.offset + part.size;
    }
    expect(layout.size - end).toBeGreaterThanOrEqual(34 * 512);
  });

  it("has the root file system last, so that it can grow", () => {
    expect(layout.root.offset).toBeGreaterThan(layout.esp.offset);
  });

  it("is the same for the same spec", () => {
    expect(planDisk({ ...SPEC })).toEqual(layout);
  });
});

describe("GRUB for a BIOS", () => {
  it("contains the location of core.img", () => {
    const boot = Buffer.alloc(512, 0xcc);
    boot.writeUInt16LE(0xaa55, 510);
    const patched = patchBootImage(boot, 2048);
    expect(patched).toHaveLength(440);
    expect(patched.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(patched.readUInt8(0x64)).toBe(0xff);
    expect(patched.readUInt16LE(0x66)).toBe(0x9090);
  });

  it("finds the rest of core.img after its first sector", () => {
    const patched = patchCoreImage(Buffer.alloc(512 * 3 + 1, 1), 2048);
    expect(patched).toHaveLength(512 * 4);
    expect(patched.readBigUInt64LE(0x1f4)).toBe(2049n);
    expect(patched.readUInt16LE(0x1fc)).toBe(3);
  });

  it("refuses what is not a boot sector", () => {
    expect(() => patchBootImage(Buffer.alloc(512), 2048)).toThrow(VmbuildError);
    expect(() => patchCoreImage(Buffer.alloc(512), 2048)).toThrow(VmbuildError);
  });
});

describe("mmdebstrap's part", () => {
  const job = {
    spec: SPEC,
    layout: planDisk(SPEC),
    architecture: DEFAULT_ARCHITECTURE,
    emulation: undefined,
    rights: { mode: "unshare", mapped: true },
    sources: "/scratch/host.sources",
    tree: "/scratch/tree",
    out: "/scratch/with space",
  } as const;

  it("gets every package, a folder, and the host's sources", () => {
    const args = mmdebstrapArguments(job);
    expect(args).toContain("--mode=unshare");
    expect(args).toContain(`--include=${allPackages(SPEC).join(",")}`);
    expect(args.slice(-3)).toEqual(["bookworm", "/scratch/tree", "/scratch/host.sources"]);
    expect(args).toContain("--customize-hook=copy-out /.vmbuild-out '/scratch/with space'");
  });

  it("uses mmdebstrap's default mirror where the host has none", () => {
    expect(mmdebstrapArguments({ ...job, sources: undefined }).at(-1)).toBe("/scratch/tree");
  });

  it("writes a menu and file table for this very file system", () => {
    expect(guestFiles(job.layout, job.architecture)["/etc/fstab"]).toContain(
      `UUID=${job.layout.rootUuid} / ext4`,
    );
    expect(finishScript(job.layout, job.architecture)).toContain(
      `root=UUID=${job.layout.rootUuid}`,
    );
  });

  it.each([
    ["x86_64", "shimx64.efi.signed", "BOOTX64.EFI", "x86_64-efi-signed/grubx64.efi.signed"],
    ["aarch64", "shimaa64.efi.signed", "BOOTAA64.EFI", "arm64-efi-signed/grubaa64.efi.signed"],
  ] as const)("gives %s the signed loaders for secure boot", (arch, shim, loader, grub) => {
    const script = finishScript(job.layout, architectureNamed(arch), { secureBoot: true });
    expect(script).toContain(`cp /usr/lib/shim/${shim} /.vmbuild-out/${loader}`);
    expect(script).toContain(`cp /usr/lib/grub/${grub} /.vmbuild-out/`);
    expect(script).not.toMatch(/grub-mkimage -O \S+-efi/);
    const spec = { ...SPEC, arch, secureBoot: true };
    expect(allPackages(spec)).toContain("shim-signed");
    expect(allPackages({ ...SPEC, arch })).not.toContain("shim-signed");
  });

  it("installs a kernel of the template in place of the usual one", () => {
    const kernels = (packages: readonly string[]) =>
      allPackages({ ...SPEC, packages }).filter((name) => name.startsWith("linux-image"));
    expect(kernels(["jq"])).toEqual(["linux-image-cloud-amd64"]);
    expect(kernels(["jq", "linux-image-amd64"])).toEqual(["linux-image-amd64"]);
  });

  it.each([
    ["sata", [], ["linux-image-amd64"]],
    ["sata", ["linux-image-rt-amd64"], ["linux-image-rt-amd64"]],
    ["virtio", [], []],
  ])("has a kernel for disks on the bus %s, with the packages %j", (diskBus, given, expected) => {
    const { bootstrap } = bootstrapBase.schema.parse({
      bootstrap: { suite: "bookworm", packages: given },
    });
    const completed = bootstrapBase.complete?.({ bootstrap }, { secureBoot: false, diskBus });
    expect(completed?.bootstrap.packages).toEqual(expected);
  });

  it.each([
    ["E: Unable to locate package no-such", "bookworm has no package no-such"],
    ["N: Skipping acquire, as repository doesn't support architecture 'riscv64'", "for riscv64"],
    ["E: Package 'x' has no installation candidate", "bookworm has no package x"],
    ["E: The repository 'http://m x Release' does not have a Release file.", "has no suite"],
    ["NO_PUBKEY 0123456789ABCDEF", "cannot verify the signature"],
    ["  Temporary failure resolving 'm'", "cannot be reached"],
    ["E: mmdebstrap failed to run", "could not create a root file system for bookworm"],
  ])("explains %j", (line, message) => {
    expect(explainFailure("bookworm", [line]).message).toContain(message);
  });

  it("reports each stage once, in ascending order", () => {
    const events: EventBody[] = [];
    const follow = followStages("bookworm", (event) => events.push(event));
    for (const line of [
      "I: running apt-get update...",
      "another type",
      "I: running --customize-hook in shell",
      "I: running --customize-hook in shell",
      "I: extracting archives...",
      "I: success in 40 seconds",
    ]) {
      follow(line);
    }
    const done = events.map((event) => (event.type === "progress" ? event.done : -1));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done).toHaveLength(3);
  });
});
