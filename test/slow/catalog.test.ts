/**
 * Builds the images of the catalog from Debian's packages, and boots them as Proxmox VE does: on
 * i440fx, with cloud-init's CD on the IDE bus, and with the port of the guest agent.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveAptRepository } from "../support/apt-repository.js";
import type { AptRepository } from "../support/apt-repository.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { createSandbox, eventually, requireDone } from "../support/e2e.js";
import type { FileServer } from "../support/http-server.js";
import { startFileServer } from "../support/http-server.js";

/** Address of this host in the guests' network. */
const HOST_IN_GUEST = "10.0.2.2";

let sandbox: Sandbox;
let server: FileServer;
beforeAll(async () => {
  sandbox = await createSandbox();
  server = await startFileServer();
});
afterAll(async () => {
  await server.close();
  await sandbox[Symbol.asyncDispose]();
});

function build(name: string, ...args: string[]): Promise<Ended> {
  const template = resolve("appliances", name, `${name}.json`);
  return sandbox.vmbuild(
    ...["run", template, "--base", "bootstrap"],
    // An emulated guest with one CPU does not wait for the other one.
    ...["--accel", "tcg", "--cpus", "1", "--memory", "1536M"],
    ...["--output", join(sandbox.folder, name), "--log-format", "plain", ...args],
  );
}

/** Guest agent of a machine, by its socket. */
interface GuestAgent {
  /** Runs a command of the agent; undefined while the agent does not answer. */
  ask(command: string): Promise<unknown>;
}

function openAgent(path: string): Promise<{ agent: GuestAgent; socket: Socket }> {
  return new Promise((opened, failed) => {
    const socket = connect(path, () => {
      const waiting: ((line: string) => void)[] = [];
      createInterface({ input: socket }).on("line", (line) => waiting.shift()?.(line));
      const agent: GuestAgent = {
        ask: (command) =>
          new Promise((answered) => {
            const late = setTimeout(() => answered(undefined), 5000);
            waiting.push((line) => {
              clearTimeout(late);
              answered((JSON.parse(line) as { return?: unknown }).return);
            });
            socket.write(`${JSON.stringify({ execute: command })}\n`);
          }),
      };
      opened({ agent, socket });
    });
    socket.once("error", failed);
  });
}

/** Boots an image as a consumer does, and returns the host name that its guest agent reports. */
async function bootAsConsumer(name: string): Promise<string> {
  const folder = join(sandbox.folder, `${name}-consumer`);
  const seed = join(folder, "seed");
  await mkdir(seed, { recursive: true });
  await writeFile(join(seed, "meta-data"), `instance-id: i-1\nlocal-hostname: ${name}-one\n`);
  await writeFile(join(seed, "user-data"), "#cloud-config\n{}\n");
  const iso = join(folder, "seed.iso");
  await execa("xorriso", ["-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-R", "-o", iso, seed]);
  const overlay = join(folder, "disk.qcow2");
  const image = join(sandbox.folder, name, `${name}.qcow2`);
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, overlay]);
  const socketPath = join(sandbox.runtime, `${name}.ga`);
  const machine = execa("qemu-system-x86_64", [
    ...["-machine", "pc", "-accel", "tcg", "-cpu", "qemu64", "-smp", "2", "-m", "1536"],
    ...[
      "-display",
      "none",
      "-nodefaults",
      "-netdev",
      "user,id=n",
      "-device",
      "virtio-net-pci,netdev=n",
    ],
    ...[
      "-drive",
      `if=none,id=d,file=${overlay}`,
      "-device",
      "virtio-scsi-pci",
      "-device",
      "scsi-hd,drive=d",
    ],
    ...["-drive", `if=ide,index=2,media=cdrom,file=${iso}`],
    ...["-chardev", `socket,id=ga,path=${socketPath},server=on,wait=off`],
    ...[
      "-device",
      "virtio-serial-pci",
      "-device",
      "virtserialport,chardev=ga,name=org.qemu.guest_agent.0",
    ],
  ]);
  try {
    let hostName = "";
    await eventually(async () => {
      const opened = await openAgent(socketPath).catch(() => undefined);
      if (!opened) return false;
      const answer = (await opened.agent.ask("guest-get-host-name")) as { "host-name"?: string };
      opened.socket.destroy();
      hostName = answer?.["host-name"] ?? "";
      return hostName === `${name}-one`;
    }, 1000);
    return hostName;
  } finally {
    machine.kill("SIGKILL");
    await machine.catch(() => {});
  }
}

describe.each([
  ["debian-12", "12"],
  ["debian-13", "13"],
])("%s", (name, release) => {
  it("is built with all updates, the generic kernel and the guest agent", async () => {
    requireDone(await build(name));
    const versions = await readFile(join(sandbox.folder, name, "image-version.txt"), "utf8");
    expect(versions).toMatch(new RegExp(`^DEBIAN_VERSION=${release}\\.\\d+\\nPVE_VERSION=\\n$`));
  });

  it("is up to date in a second call", async () => {
    const ended = await build(name);
    expect(ended.stderr).toContain("up to date");
    expect(ended.exitCode).toBe(0);
  });

  it("gets its host name from a CD on the IDE bus, and answers through the guest agent", async () => {
    expect(await bootAsConsumer(name)).toBe(`${name}-one`);
  });

  it("passes its acceptance test", async () => {
    const template = resolve("appliances", name, `${name}.json`);
    const options = ["--accel", "tcg", "--output", join(sandbox.folder, name)];
    const ended = await sandbox.vmbuild("test", template, ...options);
    expect(ended.stdout).not.toContain("[FAIL]");
    expect(ended.exitCode).toBe(0);
  });
});

describe("pve-9", () => {
  let repository: AptRepository;

  /** STAND-INS for Proxmox's packages, which check the order that Proxmox's instructions give. */
  const packages = [
    {
      name: "proxmox-default-kernel",
      version: "2.0.0",
      postinst: "cat /proc/sys/kernel/random/boot_id >/var/lib/proxmox-kernel-boot",
    },
    { name: "pve-manager", version: "9.1.4" },
    {
      name: "proxmox-ve",
      version: "9.1.0",
      fields: { Depends: "pve-manager", Recommends: "os-prober" },
      preinst: `
! cmp -s /proc/sys/kernel/random/boot_id /var/lib/proxmox-kernel-boot || { echo 'not restarted'; exit 1; }
! getent ahostsv4 "$(hostname)" | grep -q '^127\\.' || { echo 'loopback host name'; exit 1; }`,
      postinst: `
printf 'Types: deb\\nURIs: https://enterprise.proxmox.com/debian/pve\\nSuites: trixie\\nComponents: pve-enterprise\\n' >/etc/apt/sources.list.d/pve-enterprise.sources
printf 'auto lo\\niface lo inet loopback\\n' >/etc/network/interfaces`,
    },
  ];

  beforeAll(async () => {
    repository = await serveAptRepository(server, "pve", join(sandbox.folder, "pve-repository"), {
      suite: "trixie",
      component: "pve-no-subscription",
      packages,
    });
    server.serve("/key.gpg", { content: repository.key });
  });

  const settings = (digest: string): string[] => [
    ...["--var", `proxmoxMirror=http://${HOST_IN_GUEST}:${new URL(server.origin).port}/pve`],
    ...["--set", `inputs.proxmoxKey.url=${server.origin}/key.gpg`],
    ...["--set", `inputs.proxmoxKey.checksum=sha256:${digest}`],
  ];

  it("refuses another key before a machine starts", async () => {
    const ended = await build("pve-9", ...settings("0".repeat(64)));
    expect(ended.exitCode).toBe(4);
    expect(ended.stderr).toContain("[INPUT_CHECKSUM]");
    expect(ended.stderr).not.toContain("SSH port");
  });

  it("is built in Proxmox's order, with a restart into its kernel", async () => {
    requireDone(await build("pve-9", ...settings(repository.keyDigest)));
    const versions = await readFile(join(sandbox.folder, "pve-9", "image-version.txt"), "utf8");
    expect(versions).toMatch(/^DEBIAN_VERSION=13\.\d+\nPVE_VERSION=9\.1\n$/);
  });

  it("passes its acceptance test", async () => {
    const template = resolve("appliances/pve-9/pve-9.json");
    const options = ["--accel", "tcg", "--output", join(sandbox.folder, "pve-9")];
    const ended = await sandbox.vmbuild("test", template, ...options);
    expect(ended.stdout).not.toContain("[FAIL]");
    expect(ended.exitCode).toBe(0);
  });
});
