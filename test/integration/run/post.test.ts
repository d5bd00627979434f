import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import { runProgram } from "../../../src/host/programs.js";
import { createDisk, createOverlay } from "../../../src/machine/disk.js";
import type { RunContext } from "../../../src/run/context.js";
import { runPost } from "../../../src/run/post.js";
import { loadTemplate } from "../../../src/template/load.js";
import { errorOf } from "../../support/inputs.js";

let folder: string;
let disk: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-post-"));
  await mkdir(join(folder, "scratch"));
  disk = join(folder, "disk.qcow2");
  const base = join(folder, "base.qcow2");
  await createDisk(base, 2 ** 20);
  await createOverlay({ path: disk, backing: base, backingFormat: "qcow2", size: 2 ** 21 });
  await qemuIo(disk, "write -q -P 0x62 65536 512");
  await runProgram("qemu-img", ["snapshot", "-c", "one", disk]);
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs a command of qemu-io; returns whether it succeeded, as a pattern was found. */
async function qemuIo(path: string, command: string): Promise<boolean> {
  const { exitCode } = await runProgram("qemu-io", ["-f", "qcow2", "-c", command, path]);
  return exitCode === 0;
}

async function run(...post: object[]): Promise<string> {
  const path = join(folder, "demo.json");
  await writeFile(path, JSON.stringify({ name: "demo", base: { path: "x" }, post }));
  const context = {
    template: await loadTemplate(path),
    workspace: { run: { scratch: join(folder, "scratch") } },
    options: { signal: new AbortController().signal },
    emit: (_event: EventBody) => {},
    phase: (_name: string, work: () => Promise<void>) => work(),
  };
  return runPost(context as unknown as RunContext, { disk });
}

describe("commands on the stopped disk", () => {
  it("change an image of their own, and neither the disk nor its checkpoints", async () => {
    const path = await run(
      { run: "qemu-io -f qcow2 -c 'write -q -P 0x61 0 512' \"${disk.path}\"" },
      { run: 'qemu-io -f qcow2 -c "write -q -P 0x63 1M 512" "$VMBUILD_DISK_PATH"' },
    );
    expect(path).not.toBe(disk);
    expect(await qemuIo(path, "read -q -P 0x61 0 512")).toBe(true);
    expect(await qemuIo(path, "read -q -P 0x62 65536 512")).toBe(true);
    expect(await qemuIo(path, "read -q -P 0x63 1M 512")).toBe(true);
    expect(await qemuIo(disk, "read -q -P 0 0 512")).toBe(true);
    const { lastLines } = await runProgram("qemu-img", ["snapshot", "-l", disk]);
    expect(lastLines.join("\n")).toContain("one");
  });

  it("may replace the image", async () => {
    const path = await run({
      run: "qemu-img convert -O qcow2 ${disk.path} other; mv other ${disk.path}",
    });
    expect(await qemuIo(path, "read -q -P 0x62 65536 512")).toBe(true);
  });

  it("run in the template's folder, or in cwd, which must exist", async () => {
    await mkdir(join(folder, "sub"));
    const here = (path: string): string => `test "$(pwd -P)" = "$(cd ${path} && pwd -P)"`;
    await run({ run: here(folder) }, { cwd: "sub", run: here(join(folder, "sub")) });
    const error = await errorOf(run({ cwd: "none", run: "true" }));
    expect(error).toMatchObject({ code: "POST_FAILED" });
    expect(error.message).toContain(`cannot run in ${join(folder, "none")}: it is not a folder`);
  });

  it("are not needed", async () => {
    expect(await run()).toBe(disk);
  });

  it.each([
    ["exit 3", "post 1: exit 3 failed with exit code 3; the image is not published"],
    ["rm ${disk.path}", "Cannot read the image"],
    [
      "qemu-img convert -O raw ${disk.path} other; mv other ${disk.path}",
      "The disk is in the format raw after",
    ],
    ["qemu-io -f qcow2 -c 'write -q 0 512' disk.qcow2", "which belongs to the build"],
  ])("publish nothing where they fail: %s", async (command, message) => {
    const error = await errorOf(run({ run: command }));
    expect(error).toMatchObject({ code: "POST_FAILED", exitCode: 9 });
    expect(error.message).toContain(message);
  });
});
