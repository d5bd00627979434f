/** Builds an image with every kind of action, under UEFI and without a network. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readFile, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import { createSandbox } from "../support/e2e.js";

const MIB = 2 ** 20;
const SECRET = 's3cret-Value\'with "quotes" & more';

/**
 * Creates a file above the size from which uploads use a hot-plugged disk, and a folder of that
 * size.
 */
async function makeUploads(folder: string): Promise<void> {
  const tree = join(folder, "tree");
  await mkdir(join(tree, "inner"), { recursive: true });
  // Not a multiple of the sector size.
  await writeFile(join(folder, "large.bin"), randomBytes(104 * MIB + 123));
  await writeFile(join(tree, "inner/large.bin"), randomBytes(104 * MIB));
  await writeFile(join(tree, "inner/run me.sh"), "#!/bin/sh\necho ran\n");
  await chmod(join(tree, "inner/run me.sh"), 0o750);
  await writeFile(join(tree, ".hidden"), "dot\n");
  await symlink("inner/run me.sh", join(tree, "link"));
}

const sha256 = (path: string): string =>
  execFileSync("sha256sum", [path], { encoding: "utf8" }).split(" ")[0] ?? "";

/** Returns the argument lists on this host that contain the text. */
async function argumentListsWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes(text)) found.push(commandLine);
  }
  return found;
}

/** Time limit. Each of the two boots can take minutes on a busy host. Milliseconds. */
const TIMEOUT_MS = 1_800_000;

it("runs every kind of action", { timeout: TIMEOUT_MS }, async () => {
  await using sandbox = await createSandbox();
  await makeUploads(sandbox.folder);
  let visits = 0;
  const server = createServer((socket) => {
    visits++;
    socket.end("hello\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const template = await sandbox.template({
    name: "full",
    version: "2.1",
    variables: { token: { sensitive: true, description: "a secret" } },
    machine: { firmware: "uefi", network: "isolated" },
    steps: [
      {
        name: "place",
        actions: [
          { run: "cat /proc/sys/kernel/random/boot_id >/root/first-boot" },
          {
            run: `! timeout 3 bash -c '</dev/tcp/10.0.2.2/${port}' || { echo "a way out"; exit 1; }`,
          },
        ],
        verify: ["test -d /sys/firmware/efi"],
      },
      {
        name: "secret",
        environment: { TOKEN: "${var.token}" },
        actions: [
          { run: 'echo "the secret is $TOKEN"; echo "$TOKEN" | base64' },
          {
            run: [
              'printf %s "$TOKEN" >/run/pattern',
              "if cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -qF -f /run/pattern; then exit 1; fi",
              "sha256sum </run/pattern >/root/secret.sum; rm /run/pattern; echo in the middle",
              "sleep 2",
            ],
          },
        ],
      },
      {
        name: "files",
        actions: [
          { upload: "../large.bin", to: "/opt/large.bin", mode: "0640", owner: "root:adm" },
          { upload: "../tree", to: "/opt/tree/" },
          { write: "/opt/note", content: ["${name} ${version}", "$HOME stays"], mode: "0604" },
        ],
        verify: [
          `test "$(sha256sum </opt/large.bin)" = "${sha256(join(sandbox.folder, "large.bin"))}  -"`,
          `test "$(sha256sum </opt/tree/inner/large.bin)" = "${sha256(join(sandbox.folder, "tree/inner/large.bin"))}  -"`,
          'test "$(stat -c %a:%U:%G /opt/large.bin)" = 640:root:adm',
          'test "$(stat -c %a:%U "/opt/tree/inner/run me.sh")" = 750:root',
          'test "$(cat /opt/tree/.hidden)" = dot',
          'test "$(readlink /opt/tree/link)" = "inner/run me.sh"',
          'test "$(stat -c %a /opt/note)" = 604',
          "printf '%s\\n' 'full 2.1' '$HOME stays' | cmp - /opt/note",
          // It was transferred over hot-plugged disks, which were removed again.
          "dmesg | grep -q 'vd[b-z]'",
          "! ls /dev/vd[b-z]",
        ],
      },
      {
        name: "again",
        timeout: "20m",
        actions: [
          { reboot: true },
          { run: "(sleep 2; touch /run/there) >/dev/null 2>&1 &" },
          { wait: "test -e /run/there", every: "200ms", timeout: "10m" },
          { download: "/opt/note", to: "note.txt" },
          { run: "rm -f /opt/tree/inner/large.bin; ln -f /opt/tree/.hidden /opt/tree/twin" },
          { download: "/opt/tree", to: "tree" },
          { local: 'echo "made by $(basename "$PWD")" >"$VMBUILD_OUTPUT/local.txt"' },
        ],
        verify: [
          "! cmp -s /root/first-boot /proc/sys/kernel/random/boot_id",
          "test -d /sys/firmware/efi",
        ],
      },
    ],
  });
  const values = join(sandbox.folder, "values.json");
  await writeFile(values, JSON.stringify({ token: SECRET }));
  // Files of an earlier run are replaced.
  await mkdir(join(sandbox.output, "tree"), { recursive: true });
  await writeFile(join(sandbox.output, "tree/old"), "old");

  const running = sandbox.build(template, "--var-file", values, "--keep-work");
  await running.until(/\| in the middle/);
  expect(await argumentListsWith(SECRET)).toEqual([]);
  const { exitCode, stderr, stdout } = await running.ended;
  server.close();
  expect(stderr).toContain("full 2.1 built in");
  expect(exitCode).toBe(0);
  expect(stderr).not.toContain("its firmware did nothing");
  expect(visits).toBe(0);

  expect(stderr).toContain("the secret is ***");
  const run = await sandbox.runFolder("full");
  const outputs = [stdout, stderr, execFileSync("grep", ["-rh", "", run], { encoding: "utf8" })];
  for (const text of outputs) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("s3cret-Value");
    expect(text).not.toContain(Buffer.from(`${SECRET}\n`).toString("base64"));
  }

  await readPublished(sandbox.output);
  const { output } = sandbox;
  expect(await readFile(join(output, "note.txt"), "utf8")).toBe("full 2.1\n$HOME stays\n");
  expect((await readdir(join(output, "tree"), { recursive: true })).toSorted()).toEqual([
    ".hidden",
    "inner",
    "inner/run me.sh",
    "link",
    "twin",
  ]);
  expect(await readlink(join(output, "tree/link"))).toBe("inner/run me.sh");
  expect(await readFile(join(output, "tree/twin"), "utf8")).toBe("dot\n");
  expect(await readFile(join(output, "local.txt"), "utf8")).toBe("made by templates\n");
});
