/** Resuming in other situations: UEFI, restarts, local actions, changed bases. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFile,
  copyFile,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Sandbox, Ended } from "../support/e2e.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import { startFileServer } from "../support/http-server.js";
import { convert } from "../support/images.js";
import { makeSmallGuest, onSmallGuest } from "../support/small-guest.js";

const exec = promisify(execFile);

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

const stepsRun = ({ stderr }: Ended): string[] =>
  [...stderr.matchAll(/step \[\d+\/\d+\] (\S+) done/g)].map(([, name]) => name ?? "");

const QUICK = { output: { compression: "none", checksums: ["sha256"] } };

it("resumes a UEFI guest of another suite whose SSH server is broken", async () => {
  const document = (last: string) => ({
    name: "uefi",
    ...QUICK,
    base: { bootstrap: { suite: "trixie" } },
    machine: { memory: "1G", firmware: "uefi" },
    steps: [
      { name: "firmware", actions: [{ run: "[ -d /sys/firmware/efi ]" }] },
      {
        name: "closed",
        actions: [{ run: "rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys" }],
      },
      {
        name: "last",
        actions: [{ run: [`echo ${last}`, "[ -d /sys/firmware/efi ]", "hostname"] }],
      },
    ],
  });
  const first = await sandbox.build(await sandbox.template(document("a")), "--until", "last").ended;
  requireDone(first);
  const second = await sandbox.build(await sandbox.template(document("b")), "--until", "last")
    .ended;
  requireDone(second);
  expect(stepsRun(second)).toEqual(["last"]);
  expect(second.stderr).toContain("| uefi\n");
  expect(second.stderr).not.toContain("warning:");
});

it("restarts a resumed guest, and resumes after that", async () => {
  const document = (word: string) => ({
    name: "again",
    ...QUICK,
    steps: [
      { name: "before", actions: [{ run: "cat /proc/sys/kernel/random/boot_id >/root/boot" }] },
      {
        name: "restart",
        actions: [
          { run: `echo ${word} >/root/word` },
          { reboot: true },
          {
            run: [
              '[ "$(cat /root/boot)" != "$(cat /proc/sys/kernel/random/boot_id)" ]',
              "hostname",
            ],
          },
        ],
      },
      { name: "after", actions: [{ run: "cat /root/word" }] },
    ],
  });
  const one = await sandbox.build(await sandbox.template(document("x")), "--until", "before").ended;
  requireDone(one);
  const two = await sandbox.build(await sandbox.template(document("x")), "--until", "restart")
    .ended;
  requireDone(two);
  expect(stepsRun(two)).toEqual(["restart"]);
  expect(two.stderr).toContain("| again\n");
  // The checkpoint after a restart accepts connections as well.
  const three = await sandbox.build(await sandbox.template(document("x")), "--until", "after")
    .ended;
  expect(stepsRun(three)).toEqual(["after"]);
});

it("reruns local actions, and detects changes of their files", async () => {
  const folder = join(sandbox.folder, "templates");
  await writeFile(join(folder, "source"), "one\n");
  const document = onSmallGuest(await makeSmallGuest(sandbox.folder), {
    name: "local",
    ...QUICK,
    steps: [
      {
        name: "made",
        actions: [
          { local: ["cp source made", "echo again >>count"] },
          { local: "echo once >>cached-count", cache: true },
          { upload: "made", to: "/root/made" },
        ],
      },
      { name: "show", actions: [{ run: "cat /root/made" }] },
    ],
  });
  const template = await sandbox.template(document);
  const lines = async (name: string): Promise<number> =>
    (await readFile(join(folder, name), "utf8")).trim().split("\n").length;
  const first = await sandbox.build(template, "--until", "show").ended;
  requireDone(first);
  expect([await lines("count"), await lines("cached-count")]).toEqual([1, 1]);

  const second = await sandbox.build(template, "--until", "show").ended;
  expect(stepsRun(second)).toEqual([]);
  expect([await lines("count"), await lines("cached-count")]).toEqual([2, 1]);

  await writeFile(join(folder, "source"), "two\n");
  const third = await sandbox.build(template, "--until", "show").ended;
  requireDone(third);
  expect(stepsRun(third)).toEqual(["made", "show"]);
  expect(third.stderr).toContain("made changed (1 line)");
  expect(third.stderr).toContain("| two\n");
});

it("rebuilds from a base that changed on its server, except with --offline", async () => {
  const guest = await makeSmallGuest(sandbox.folder);
  const path = await convert(guest.disk, join(sandbox.folder, "base.qcow2"), "qcow2");
  const newer = join(sandbox.folder, "newer.qcow2");
  await copyFile(path, newer);
  // A qcow2 image may be followed by arbitrary data.
  await appendFile(newer, "a later version\n");
  const sha256 = async (file: string): Promise<string> =>
    (await exec("sha256sum", [file])).stdout.split(" ")[0] ?? "";

  await using server = await startFileServer();
  const serve = async (file: string, etag: string): Promise<string> => {
    server.serve("/SHA256SUMS", Buffer.from(`${await sha256(file)}  base.qcow2\n`));
    return server.serve("/base.qcow2", { content: file, etag });
  };
  const url = await serve(path, '"1"');
  const document = onSmallGuest(guest, {
    name: "upstream",
    ...QUICK,
    base: { url, checksum: `file:${server.origin}/SHA256SUMS` },
    steps: [{ name: "only", actions: [{ run: "true" }] }],
  });
  const template = await sandbox.template(document);
  sandbox.env["XDG_CACHE_HOME"] = join(sandbox.folder, "cache");
  const first = await sandbox.build(template, "--until", "only").ended;
  requireDone(first);
  const explain = async (...args: string[]): Promise<string> =>
    (await sandbox.build(template, "--explain", ...args).ended).stdout;
  expect(await explain()).toContain("no step runs");
  await serve(newer, '"2"');
  expect(await explain("--offline")).toContain("no step runs");
  expect(await explain()).toContain("step 1 runs: base changed");
});

/** Paths that differ between two builds of one template. */
const OWN = [
  // Times of the build: journals, logs of logins and of packages.
  /^var\/log\//,
  // Caches with time stamps.
  /^var\/cache\//,
  // Time of the last synchronisation, and of timers.
  /^var\/lib\/systemd\/(timesync|timers)\//,
  // DHCP leases and the like.
  /^var\/lib\/dhcp\//,
  /^var\/lib\/private/,
];

/** Returns mode, owner and content of every file of an image's root file system. */
async function contentOf(image: string, scratch: string): Promise<Map<string, string>> {
  const raw = join(scratch, "disk.raw");
  const tree = join(scratch, "tree");
  await mkdir(tree, { recursive: true });
  await exec("qemu-img", ["convert", "-O", "raw", image, raw]);
  const { stdout } = await exec("sfdisk", ["--json", raw]);
  const table = JSON.parse(stdout) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const root = table.partitiontable.partitions.toSorted((a, b) => b.size - a.size)[0];
  const device = `${raw}?offset=${(root?.start ?? 0) * 512}`;
  await exec("debugfs", ["-R", `rdump / ${tree}`, device], { maxBuffer: 2 ** 26 });
  const found = new Map<string, string>();
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(tree, below))) {
      const name = below === "" ? entry : `${below}/${entry}`;
      const status = await lstat(join(tree, name));
      const kind = `${status.mode.toString(8)} ${status.uid}:${status.gid}`;
      if (status.isDirectory()) await walk(name);
      const content = status.isSymbolicLink()
        ? await readlink(join(tree, name))
        : status.isFile()
          ? createHash("sha256")
              .update(await readFile(join(tree, name)))
              .digest("hex")
          : "";
      found.set(name, `${kind} ${content}`);
    }
  };
  await walk("");
  return found;
}

it("makes the same image as a build without checkpoints", async () => {
  const document = (name: string, word: string) => ({
    name: "same",
    output: { compression: "none", checksums: ["sha256"], directory: name },
    steps: [
      { name: "files", actions: [{ run: "mkdir -p /opt/a && seq 1000 >/opt/a/numbers" }] },
      { name: "service", actions: [{ write: "/etc/motd", content: "hello\n" }] },
      { name: "word", actions: [{ run: `echo ${word} >/opt/word` }] },
    ],
  });
  const out = (name: string): string => join(sandbox.folder, name);
  const build = async (word: string, name: string, ...args: string[]) => {
    const template = await sandbox.template(document(name, word));
    const ended = await sandbox.vmbuild("run", template, "--output", out(name), ...args);
    requireDone(ended);
  };
  await build("first", "resumed");
  await build("second", "resumed");
  await build("second", "plain", "--no-checkpoints");
  const contents = [];
  for (const name of ["resumed", "plain"]) {
    contents.push(await contentOf(join(out(name), "same-0.0.0.qcow2"), join(out(name), "x")));
  }
  const [resumed = new Map<string, string>(), plain = new Map<string, string>()] = contents;
  expect(resumed.get("opt/word")).toBe(plain.get("opt/word"));
  expect(resumed.size).toBeGreaterThan(1000);
  const names = new Set([...resumed.keys(), ...plain.keys()]);
  const different = [...names].filter(
    (name) => resumed.get(name) !== plain.get(name) && !OWN.some((pattern) => pattern.test(name)),
  );
  expect(different).toEqual([]);
});
