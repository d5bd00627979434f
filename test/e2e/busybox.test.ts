/**
 * A guest of busybox and dropbear that is entered by password: it has no systemd, bash, sudo, perl,
 * python3 or getent, and no OpenSSH server.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import { makeBusyboxGuest } from "../support/busybox-guest.js";
import type { BusyboxGuest } from "../support/busybox-guest.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { textsInFile } from "../support/e2e-guest.js";
import { convert, isSameDisk } from "../support/images.js";

const PASSWORD = "Let me in, it's cold!";
const SSH_COMMAND =
  "ssh -i $VMBUILD_SSH_KEY -p $VMBUILD_SSH_PORT -o BatchMode=yes " +
  "-o UserKnownHostsFile=$VMBUILD_SSH_KNOWN_HOSTS $VMBUILD_SSH_USER@$VMBUILD_SSH_HOST";
const KEY_COUNT = "grep -c . /root/.ssh/authorized_keys";

let sandbox: Sandbox;
let guest: BusyboxGuest;
let folder: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  folder = await mkdtemp(join(tmpdir(), "vmb-busybox-"));
  guest = await makeBusyboxGuest(folder, PASSWORD);
  await mkdir(join(folder, "tree/sub"), { recursive: true });
  await writeFile(join(folder, "tree/sub/inner"), "inner\n");
  await writeFile(join(folder, "single"), "single\n");
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const outputOf = (name: string): string => join(sandbox.output, name);
const imageOf = (name: string): string => join(outputOf(name), `${name}-1.qcow2`);

/** Builds a template on a base with the guest. */
async function build(
  name: string,
  base: object,
  steps: readonly object[],
  output: object = {},
): Promise<Ended> {
  const template = await sandbox.template({
    name,
    version: "1",
    variables: { password: { sensitive: true } },
    base,
    ssh: { password: "${var.password}", timeout: "10m" },
    machine: { memory: "512M", disk: "256M", arguments: guest.arguments },
    steps,
    output,
    post: [{ run: 'qemu-io -f qcow2 -c "write -q -P 0x76 255M 512" "${disk.path}"' }],
    after: [
      {
        run: [
          'cd "$(dirname "${image.path}")" && sha256sum -c "${image.name}.sha256" >sums.log',
          '[ "${image.format}" != qcow2 ] || qemu-io -r -f qcow2 -c "read -q -P 0x76 255M 512" "${image.path}"',
        ],
      },
    ],
  });
  const options = ["--output", outputOf(name), "--var", `password=${PASSWORD}`];
  const ended = await sandbox.build(template, ...options).ended;
  expect(ended.stderr).not.toContain(PASSWORD);
  return ended;
}

/** Steps of the template; the last one leaves a word in the image. */
const steps = (word: string) => [
  {
    name: "files",
    actions: [
      {
        run: [
          "for p in bash systemctl sudo perl python3 getent; do ! command -v $p; done",
          "id -u",
        ],
      },
      { run: "grep 'T (stopped)' /proc/$(pidof crond)/status" },
      { write: "/etc/written", content: "written\n", mode: "0640" },
      { upload: join(folder, "single"), to: "/srv/" },
      { upload: `${join(folder, "tree")}/`, to: "/srv/tree/" },
      { download: "/srv/tree/sub/inner", to: "inner.txt" },
    ],
    verify: ["test $(stat -c %a /etc/written) = 640", "grep inner /srv/tree/sub/inner"],
  },
  {
    name: "restart",
    // Without a boot ID, only the uptime shows that the guest has restarted.
    actions: [
      { run: "mount -o bind /dev/null /proc/sys/kernel/random/boot_id; touch /run/before" },
      { reboot: true },
    ],
    verify: ["test ! -e /run/before", "grep -q . /proc/sys/kernel/random/boot_id"],
  },
  {
    name: "own-restart",
    actions: [
      { run: ["chown build /data/build", "touch /run/before"] },
      { run: ["id -un >who", 'echo "$PWD $HOME" >>who'], user: "build" },
      { run: ["echo restarting", "reboot", "sleep 600"], expectReboot: true },
      { local: `${SSH_COMMAND} 'cat >/etc/from-host' <<<"from the host"` },
    ],
    verify: [
      "test ! -e /run/before",
      "! ls /run/vmbuild-* /tmp/vmbuild-* | grep -v $0",
      "test \"$(tr '\\n' ' ' </data/build/who)\" = 'build /data/build /data/build '",
      "grep 'from the host' /etc/from-host",
    ],
  },
  {
    name: "last",
    actions: [{ run: `echo ${word} >/etc/last` }],
    verify: [`${KEY_COUNT} | grep 1`],
  },
];

/** Requires that an image contains nothing of the keys of the build that made it. */
async function requireSealed(name: string): Promise<void> {
  const publicKey = await readFile(join(sandbox.buildFolder(name), "keys/id_ed25519.pub"), "utf8");
  const [, blob = ""] = publicKey.split(" ");
  expect(blob.length).toBeGreaterThan(60);
  const raw = await convert(imageOf(name), join(folder, "sealed.raw"), "raw");
  expect(await textsInFile(raw, [blob])).toEqual([]);
  await rm(raw);
}

describe("a guest of busybox and dropbear", () => {
  it("is built, entered by password, with one note for each lost feature", async () => {
    const ended = await build("small", { path: guest.disk }, steps("one"));
    requireDone(ended);
    expect(ended.stderr.match(/The guest has no OpenSSH server for a second port/g)).toHaveLength(
      1,
    );
    expect(ended.stderr).not.toContain("The guest has no sha256sum");
    expect(ended.stderr).not.toContain("SSH host keys");
    expect(await readFile(join(outputOf("small"), "inner.txt"), "utf8")).toBe("inner\n");
    expect(await readFile(join(outputOf("small"), "sums.log"), "utf8")).toBe("small-1.qcow2: OK\n");
    await requireSealed("small");
  });

  it("resumes through its own server after the last step has changed", async () => {
    const formats = [{ format: "vmdk" }, { format: "ova" }];
    const ended = await build("small", { path: guest.disk }, steps("two"), { formats });
    requireDone(ended);
    const { files } = await readPublished(outputOf("small"));
    expect(files.map(({ format }) => format)).toEqual(["qcow2", "vmdk", "ova"]);
    expect(await isSameDisk(imageOf("small"), join(outputOf("small"), "small-1.vmdk"))).toBe(true);
    expect(ended.stderr).toMatch(/restart +cached/);
    expect(ended.stderr).toContain("connect through the guest's own SSH server");
    await requireSealed("small");
  });

  it("boots again from the sealed image, and reports a step that needs bash", async () => {
    const ended = await build("again", { path: imageOf("small") }, [
      {
        name: "look",
        actions: [{ run: "cat /etc/last" }],
        verify: ["grep two /etc/last", `${KEY_COUNT} | grep 1`, "ls /etc/dropbear/*_host_key"],
      },
      { name: "shell", actions: [{ run: "echo $BASH_VERSION", shell: "bash" }] },
    ]);
    expect(ended.exitCode).toBe(7);
    expect(ended.stderr).toMatch(/look done/);
    expect(ended.stderr).toContain("The guest has no /bin/bash, which the script needs");
    expect(ended.stderr).toContain('"shell": "sh"');
    expect(ended.stderr).not.toContain("exit code 127");
  });

  it("is entered after keys were typed to it, which a changed step does not type again", async () => {
    const base = {
      install: {
        image: { path: guest.disk },
        http: { files: { word: { content: "served\n" } } },
        bootCommand: [
          { waitForText: "/crond .* started/" },
          "<enter>wget -O /etc/typed ${http.url}/word && echo fetched >/dev/ttyS0<enter>",
          { waitForText: "fetched" },
        ],
        end: "ssh",
        timeout: "10m",
      },
    };
    const look = (word: string) => [
      { name: "look", actions: [{ run: `echo ${word}` }], verify: ["grep served /etc/typed"] },
    ];
    const first = await build("typed", base, look("one"));
    requireDone(first);
    expect(first.stderr).toContain("Typing the boot command");
    const second = await build("typed", base, look("two"));
    requireDone(second);
    expect(second.stderr).not.toContain("Typing the boot command");
  });
});
