/** Compaction and hashing by themselves, on the base's disk: it is there, and large enough. */
import { mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compact } from "../dist/artifact/compact.js";
import type { Compression } from "../dist/artifact/compact.js";
import { digestFile } from "../dist/artifact/digest.js";
import { runProgram } from "../dist/host/programs.js";
import type { Timing } from "./samples.js";
import type { Setup } from "./setup.js";
import { timeProgram } from "./time.js";
import { timeSums } from "./virt-customize.js";

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Converts, notes the image's size, and removes it. */
async function convert(
  setup: Setup,
  work: (destination: string) => Promise<number>,
): Promise<Timing> {
  const destination = join(setup.work, "compaction", "image.qcow2");
  await mkdir(dirname(destination), { recursive: true });
  // Every contender finds the disk in memory, and nothing of another's still to be written.
  await runProgram("cat", [setup.base], { signal: setup.signal });
  await runProgram("sync", [], { signal: setup.signal });
  const ms = await work(destination);
  const { size } = await stat(destination);
  await rm(destination);
  return { ms, imageBytes: size };
}

/** What Packer runs with `disk_compression` (packer-plugin-qemu, step_convert_disk.go). */
export function compactLikePacker(setup: Setup): Promise<Timing> {
  return convert(setup, async (destination) => {
    const args = ["convert", "-c", "-O", "qcow2", setup.base, destination];
    return (await timeProgram("qemu-img", args, { signal: setup.signal })).ms;
  });
}

/** What vmbuild does in its phase `compact`. */
export function compactLikeVmbuild(setup: Setup, compression: Compression): Promise<Timing> {
  const { base: source, signal } = setup;
  const machine = { name: "bench", version: "0", cpus: 1, memory: 2 ** 30, firmware: "bios" };
  const output = { format: "qcow2", compression, reproducible: false } as const;
  const options = { source, ...output, machine, signal };
  return convert(setup, (destination) =>
    timed(() => compact({ ...options, destination, emit: () => {} })),
  );
}

/** One reading for both sums. */
export async function hashLikeVmbuild({ base, signal }: Setup): Promise<Timing> {
  const work = () => digestFile(base, ["sha256", "md5"], { emit: () => {}, signal });
  return { ms: await timed(work) };
}

/** Two programs, one after the other. */
export async function hashByHand(setup: Setup): Promise<Timing> {
  return { ms: await timeSums(setup, setup.base) };
}
