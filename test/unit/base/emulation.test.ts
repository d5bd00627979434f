/** How a root file system of another architecture is created: registrations and boot loaders. */
import { describe, expect, it } from "vitest";
import {
  inRoom,
  isUsableRegistration,
  registrationIn,
} from "../../../src/base/bootstrap/emulation.js";
import { finishScript, guestFiles } from "../../../src/base/bootstrap/guest.js";
import { planDisk } from "../../../src/base/bootstrap/layout.js";
import { allPackages, bootstrapKey, describeBootstrap } from "../../../src/base/bootstrap/spec.js";
import { mmdebstrapArguments } from "../../../src/base/bootstrap/tree.js";
import { architectureNamed } from "../../../src/machine/architectures/registry.js";

const LINE = String.raw`:qemu-aarch64:M::\x7fELF\x02:\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:`;
const rights = { mode: "unshare", mapped: true } as const;

describe("the host's registration of an interpreter", () => {
  it.each([
    ["enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n", true],
    ["enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: \noffset 0\n", false],
    ["disabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: F\noffset 0\n", false],
    ["", false],
  ])("%j is usable: %s", (text, usable) => {
    expect(isUsableRegistration(text)).toBe(usable);
  });
});

describe("a registration of binfmt.d", () => {
  it("is taken without comments, and keeps the interpreter open", () => {
    expect(registrationIn(`# comment\n${LINE}OP\n`)).toBe(`${LINE}OPF`);
    expect(registrationIn(`${LINE}OPF\n`)).toBe(`${LINE}OPF`);
    expect(registrationIn("# nothing\n")).toBeUndefined();
  });

  it("is made inside of mmdebstrap's namespace, or of one that root enters", () => {
    const command = ["mmdebstrap", "--version"] as const;
    const emulation = { registration: `${LINE}F` };
    const byRoot = { mode: "unshare", mapped: false } as const;
    expect(inRoom(command, { rights, emulation })).toEqual(command);
    expect(inRoom(command, { rights: byRoot, emulation: undefined })).toEqual(command);
    const entered = inRoom(command, { rights: byRoot, emulation });
    expect(entered[0]).toBe("bash");
    expect(entered.slice(-2)).toEqual(command);
  });
});

describe("a base of another architecture", () => {
  const spec = { suite: "bookworm", packages: [], arch: "aarch64" } as const;
  const architecture = architectureNamed("aarch64");
  const layout = planDisk(spec);

  it("has a key of its own, and leaves that of the default architecture as it was", () => {
    const { arch: _, ...plain } = spec;
    expect(describeBootstrap(spec).architecture).toBe("arm64");
    expect(bootstrapKey(spec)).not.toBe(bootstrapKey(plain));
    expect(bootstrapKey({ ...spec, arch: "x86_64" })).toBe(bootstrapKey(plain));
    expect(describeBootstrap(plain)).toMatchObject({ architecture: "amd64", recipe: 2 });
  });

  it("has its own kernel and boot loader", () => {
    const packages = allPackages(spec);
    expect(packages).toContain("linux-image-cloud-arm64");
    expect(packages).toContain("grub-efi-arm64-bin");
    expect(packages.join(" ")).not.toMatch(/amd64|grub-pc/);
  });

  it("starts by UEFI only, and shows its menu and kernel on its own console", () => {
    expect(layout.biosBoot).toBeUndefined();
    expect(layout.sfdisk).toContain("B921B045-1DF0-41C3-AF44-4C6F280D3FAE");
    const script = finishScript(layout, architecture);
    expect(script).toContain("grub-mkimage -O arm64-efi");
    expect(script).toContain("/BOOTAA64.EFI");
    expect(script).toContain("console=ttyAMA0,115200");
    expect(script).not.toMatch(/i386|serial --unit/);
    const grub = guestFiles(layout, architecture)["/etc/default/grub.d/50-vmbuild.cfg"];
    expect(grub).toContain('GRUB_TERMINAL="console"');
  });

  it("is created with mmdebstrap's own check of the emulation switched off", () => {
    const job = {
      ...{ spec, layout, architecture, rights, sources: undefined, tree: "/t", out: "/o" },
      emulation: { registration: `${LINE}F` },
    };
    const args = mmdebstrapArguments(job);
    expect(args).toContain("--architectures=arm64");
    expect(args).toContain("--skip=check/qemu");
    expect(args.find((one) => one.startsWith("--setup-hook="))).toContain("binfmt_misc");
    const byHost = mmdebstrapArguments({ ...job, emulation: { registration: undefined } });
    expect(byHost.join(" ")).not.toContain("--setup-hook");
  });
});
