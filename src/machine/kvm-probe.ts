/**
 * Tests whether KVM can run a guest on this host. A readable /dev/kvm proves nothing, because on
 * some hosts every guest hangs or aborts; so a very small guest is run and has to make progress.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeFolder } from "../host/paths.js";
import { runProgram } from "../host/programs.js";

/**
 * Machine code for the reset vector: real mode, protected mode, long mode with paging, 512 KiB of
 * writes, CPUID, and a byte written to isa-debug-exit. The source is docs/kvm-probe.S.
 */
const CODE =
  "fa2e660f0116c8000f20c00c010f22c066ea18000f00080066b810008ed88ec08ed031c0bf00100000b9000c0000" +
  "f3abc7050010000003200000c7050020000003300000c7050030000083000000b8001000000f22d80f20e083c820" +
  "0f22e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea7f000f00180048c7c700001000b9000001" +
  "0048890f4883c708ffc975f531c00fa2b81000000066baf400eef4ebfd900000000000000000ffff0000009acf00" +
  "ffff00000092cf00ffff0000009aaf001f00a8000f00";
const RESET_VECTOR = "ea000000f0";
const IMAGE_BYTES = 64 * 1024;
const RESET_OFFSET = 0xfff0;
/** Exit code of success: isa-debug-exit turns the byte 0x10 into (0x10 << 1) | 1. */
const SUCCESS = 33;

/**
 * Time limit. The guest needs a twentieth of a second under emulation; the rest is for a busy host.
 */
const DEADLINE_MS = 3000;

/** Result of the probe. `lastLines` is QEMU's output, if any. */
export interface ProbeResult {
  readonly usable: boolean;
  readonly reason: string;
  readonly lastLines: readonly string[];
}

function probeImage(): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  image.write(CODE, 0, "hex");
  image.write(RESET_VECTOR, RESET_OFFSET, "hex");
  return image;
}

/** Returns the arguments of the probe's machine, with the template's accelerator and CPU model. */
function probeArguments(image: string, accelerator: readonly string[], cpuModel: string): string[] {
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-m", "16M"],
    ...[...accelerator, "-cpu", cpuModel],
    ...["-bios", image, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"],
  ];
}

/**
 * Runs the probe, for about 3 seconds at most.
 * @param cpuModel the model of the real machine; `host` is KVM's default.
 * @param accelerator QEMU's arguments for the accelerator, so that the probe can be tested under
 *   TCG.
 */
export async function probeGuest(
  binary: string,
  cpuModel: string,
  signal?: AbortSignal,
  accelerator: readonly string[] = ["-enable-kvm"],
): Promise<ProbeResult> {
  const folder = await mkdtemp(join(await runtimeFolder(), "vmbuild-probe-"));
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    const image = join(folder, "probe.bin");
    await writeFile(image, probeImage());
    const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
    const result = await runProgram(binary, probeArguments(image, accelerator, cpuModel), {
      signal: either,
    });
    if (result.exitCode === SUCCESS) return { usable: true, reason: "a guest ran", lastLines: [] };
    const end = result.signal
      ? `was terminated by ${result.signal}`
      : `exited with ${result.exitCode}`;
    return { usable: false, reason: `QEMU ${end}`, lastLines: result.lastLines };
  } catch (error) {
    signal?.throwIfAborted();
    if (!deadline.aborted) throw error;
    return {
      usable: false,
      reason: `QEMU started, but a guest made no progress in ${DEADLINE_MS / 1000} s`,
      lastLines: [],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
