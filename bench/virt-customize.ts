/** virt-customize's turn: an appliance of its own works on the disk; the guest is never booted. */
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createOverlay } from "../dist/machine/disk.js";
import { runProgram } from "../dist/host/programs.js";
import type { Round, Setup } from "./setup.js";
import type { Built } from "./samples.js";
import { VIRT_CUSTOMIZE_MARKS, cutAtMarks } from "./stages.js";
import { timeProgram } from "./time.js";

/** libguestfs tries KVM by itself and has no way back where that does not work. */
function environment({ host, work }: Setup): Record<string, string> {
  return {
    LIBGUESTFS_BACKEND: "direct",
    LIBGUESTFS_CACHEDIR: join(work, "libguestfs"),
    ...(host.accelerator === "tcg" ? { LIBGUESTFS_BACKEND_SETTINGS: "force_tcg" } : {}),
  };
}

/** The overlay that virt-customize works on, as vmbuild has one; Packer copies the whole base. */
async function makeDisk({ base, host, signal }: Setup, path: string): Promise<void> {
  const size = host.machine.diskBytes;
  await createOverlay({ path, backing: base, backingFormat: "qcow2", size, signal });
}

/** Has libguestfs put its appliance together, which it does once on a host and then keeps. */
export async function prepareVirtCustomize(setup: Setup): Promise<void> {
  await mkdir(join(setup.work, "libguestfs"), { recursive: true });
  const disk = join(setup.work, "warm-up.qcow2");
  await makeDisk(setup, disk);
  const { signal } = setup;
  const env = environment(setup);
  await timeProgram("virt-customize", ["--no-network", "-a", disk], {
    signal,
    env,
    processGroup: true,
  });
  await rm(disk);
}

/** One whole build: the disk, the steps, `qemu-img convert -c`, the two sums. */
export async function buildWithVirtCustomize(setup: Setup, round: Round): Promise<Built> {
  const { signal, host } = setup;
  const output = join(round.folder, "output", "virt-customize");
  const disk = join(output, "work.qcow2");
  const image = join(output, "bench-1.0.0.qcow2");
  await mkdir(output);
  const started = performance.now();
  await makeDisk(setup, disk);
  const prepare = performance.now() - started;
  const { cpus, memoryBytes } = host.machine;
  const install =
    "export DEBIAN_FRONTEND=noninteractive; apt-get update -q && apt-get install -qy --no-install-recommends jq";
  const customized = await timeProgram(
    "virt-customize",
    [
      ...["-a", disk, "--smp", String(cpus), "--memsize", String(memoryBytes / 2 ** 20)],
      ...["--run-command", install],
      ...["--copy-in", `${join(round.image, "files", "site")}:/srv`],
      ...["--run", join(round.image, "files", "configure.sh")],
      // Not --run: that hands a script to sh, whatever its first line says.
      ...["--upload", `${join(round.folder, "provisioners", "90-cleanup.sh")}:/root/cleanup.sh`],
      ...["--run-command", "bash /root/cleanup.sh && rm /root/cleanup.sh"],
    ],
    { signal, env: environment(setup), processGroup: true },
  );
  const convert = ["convert", "-O", "qcow2", "-c", disk, image];
  const converted = await timeProgram("qemu-img", convert, { signal });
  const digest = await timeSums(setup, image);
  const ms = prepare + customized.ms + converted.ms + digest;
  const cut = cutAtMarks(VIRT_CUSTOMIZE_MARKS, customized.lines, customized.ms);
  const stages = { ...cut, prepare: prepare + (cut.prepare ?? 0), compact: converted.ms, digest };
  await rm(disk);
  return { timing: { ms, stages, imageBytes: (await stat(image)).size }, image };
}

/** `sha256sum` and then `md5sum`, as one does by hand. Milliseconds. */
export async function timeSums({ signal }: Setup, file: string): Promise<number> {
  const sha256 = await timeProgram("sha256sum", [file], { signal });
  const md5 = await timeProgram("md5sum", [file], { signal });
  return sha256.ms + md5.ms;
}

/** What text files inside an image hold, one after the other. */
export async function readInside(
  setup: Setup,
  image: string,
  paths: readonly string[],
): Promise<string> {
  const { signal } = setup;
  const env = environment(setup);
  const options = { signal, env, captureOutput: true, processGroup: true };
  const result = await runProgram("virt-cat", ["-a", image, ...paths], options);
  if (result.exitCode !== 0) throw new Error(result.lastLines.join("\n"));
  return result.stdout;
}
