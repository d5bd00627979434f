/**
 * Tests whether KVM can run a guest on this host. A readable /dev/kvm proves nothing, because on
 * some hosts every guest hangs or aborts; so a very small guest is run and has to make progress.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeFolder } from "../host/paths.js";
import { runProgram } from "../host/programs.js";
import type { ProbeGuest } from "./architectures/architecture.js";

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

/** Guest to run, and the QEMU program and CPU model of the real machine. */
export interface Probe {
  readonly guest: ProbeGuest;
  readonly binary: string;
  /** `host` is KVM's default. */
  readonly cpuModel: string;
}

/**
 * Runs the probe, for about 3 seconds at most.
 * @param accelerator QEMU's arguments for the accelerator, so that the probe can be tested under
 *   TCG.
 */
export async function probeGuest(
  { guest, binary, cpuModel }: Probe,
  signal?: AbortSignal,
  accelerator: readonly string[] = ["-enable-kvm"],
): Promise<ProbeResult> {
  const folder = await mkdtemp(join(await runtimeFolder(), "vmbuild-probe-"));
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    const image = join(folder, "probe.bin");
    await writeFile(image, guest.image());
    const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
    const args = [
      ...["-nodefaults", "-no-user-config", "-display", "none", ...guest.arguments(image)],
      ...[...accelerator, "-cpu", cpuModel],
    ];
    const result = await runProgram(binary, args, { signal: either });
    if (result.exitCode === guest.success)
      return { usable: true, reason: "a guest ran", lastLines: [] };
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
