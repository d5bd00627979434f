import { mkdir, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BootstrapFacts } from "../../../src/base/bootstrap/bootstrap.js";
import { bootstrapBase } from "../../../src/base/bootstrap/bootstrap.js";
import { planDisk } from "../../../src/base/bootstrap/layout.js";
import type { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { runProgram } from "../../../src/host/programs.js";

/** Time limit. A bootstrap unpacks some 200 packages, and test hosts may be slow. */
const SLOW_MS = 600_000;

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "vmbuild-test-"));
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

async function workFolder(name: string): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

describe("a bootstrapped base", () => {
  const spec = { suite: "bookworm", packages: ["tree"] };
  const layout = planDisk(spec);
  const events: EventBody[] = [];
  let image: string;
  let raw: string;
  let work: string;
  let facts: BootstrapFacts;

  const run = async (file: string, args: readonly string[]): Promise<string> => {
    const env = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: "1" };
    const result = await runProgram(file, args, { captureOutput: true, env });
    if (result.exitCode !== 0) throw new Error([file, ...result.lastLines].join("\n"));
    return result.stdout;
  };
  /** Returns debugfs's output about the root file system. */
  const inspect = (request: string): Promise<string> =>
    run("debugfs", ["-R", request, `${raw}?offset=${layout.root.offset}`]);

  beforeAll(async () => {
    image = join(scratch, "base.qcow2");
    raw = join(scratch, "base.raw");
    work = await workFolder("work");
    const { signal } = new AbortController();
    const emit = (event: EventBody): void => void events.push(event);
    facts = await bootstrapBase(spec, image, { emit, signal, workFolder: work });
    await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", image, raw]);
  }, SLOW_MS);

  it("is an intact image with its own partition table", async () => {
    await run("qemu-img", ["check", image]);
    const table = await run("sfdisk", ["--json", raw]);
    expect(JSON.parse(table)).toMatchObject({ partitiontable: { label: "gpt" } });
  });

  it("has a clean root file system, whose files belong to root", async () => {
    await run("e2fsck", ["-fn", `${raw}?offset=${layout.root.offset}`]);
    expect(await inspect("stat /etc/passwd")).toMatch(/User: +0 +Group: +0/);
    expect(await inspect("stat /")).toMatch(/User: +0 +Group: +0/);
  });

  it("starts by BIOS and by UEFI", async () => {
    const sector = Buffer.alloc(512);
    const file = await open(raw);
    await file.read(sector);
    await file.close();
    expect(sector.readBigUInt64LE(0x5c)).toBe(BigInt((layout.biosBoot?.offset ?? 0) / 512));
    const esp = ["-i", `${raw}@@${layout.esp.offset}`, "-b", "::/EFI/BOOT"];
    expect(await run("mdir", esp)).toContain("BOOTX64.EFI");
  });

  it("contains no key, no identity and no package lists", async () => {
    expect(await inspect("cat /etc/machine-id")).toBe("");
    expect(await inspect("ls -p /etc/ssh")).not.toContain("ssh_host_");
    expect(await inspect("ls -p /var/lib/apt/lists")).not.toContain("Packages");
    expect(await inspect("cat /etc/shadow")).toMatch(/^root:\*:/m);
  });

  it("has the requested packages, and lists them", async () => {
    expect(facts.packages).toContainEqual(expect.stringMatching(/^tree=/));
    expect(facts.packages).toContainEqual(expect.stringMatching(/^cloud-init=/));
    expect(await inspect("stat /usr/bin/tree")).toContain("Type: regular");
    expect(await inspect("cat /boot/grub/grub.cfg")).toContain(`/boot/vmlinuz-${facts.kernel} `);
  });

  it("reported mmdebstrap's output and progress", () => {
    const sources = events.flatMap((event) => (event.type === "output" ? [event.source] : []));
    expect(sources).toContain("mmdebstrap");
    const last = events.findLast((event) => event.type === "progress");
    expect(last).toMatchObject({ done: 100, total: 100 });
  });

  it("leaves nothing but the image", async () => {
    expect(await readdir(work)).toEqual([]);
    expect((await readdir(scratch)).toSorted()).toEqual(["base.qcow2", "base.raw", "work"]);
  });
});

describe("a failing bootstrap", () => {
  it(
    "reports an unknown suite",
    async () => {
      const work = await workFolder("unknown");
      const destination = join(scratch, "unknown.qcow2");
      const { signal } = new AbortController();
      const spec = { suite: "nosuchsuite", packages: [] };
      const failed = bootstrapBase(spec, destination, { emit: () => {}, signal, workFolder: work });
      const error = await failed.then(
        () => undefined,
        (thrown: unknown) => thrown as VmbuildError,
      );
      expect(error?.code).toBe("BASE_BOOTSTRAP");
      expect(error?.message).toContain("nosuchsuite");
      expect(error?.lines.join("\n")).toContain("Release");
      expect(await readdir(work)).toEqual([]);
      expect(await readdir(scratch)).not.toContain("unknown.qcow2");
    },
    SLOW_MS,
  );

  it(
    "ends with the signal's reason and leaves nothing when it is aborted in the middle",
    async () => {
      const work = await workFolder("aborted");
      const destination = join(scratch, "aborted.qcow2");
      const controller = new AbortController();
      const reason = new Error("enough");
      const emit = (event: EventBody): void => {
        if (event.type === "output" && event.line.includes("installing essential packages")) {
          controller.abort(reason);
        }
      };
      const context = { emit, signal: controller.signal, workFolder: work };
      const spec = { suite: "bookworm", packages: [] };
      await expect(bootstrapBase(spec, destination, context)).rejects.toBe(reason);
      expect(await readdir(work)).toEqual([]);
      expect(await readdir(scratch)).not.toContain("aborted.qcow2");
    },
    SLOW_MS,
  );
});
