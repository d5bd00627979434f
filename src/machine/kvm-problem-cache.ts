/**
 * Caches the fact that KVM did not work, so that `auto` does not run into the probe's time limit on
 * every run. The record is valid until the host restarts or the device node is created anew, as
 * happens when the module is loaded.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { hostFaultOf } from "../host/faults.js";
import { makeFolder, writeFileAtomic } from "../host/files.js";
import { hostPaths } from "../host/paths.js";

const recordSchema = z.object({
  key: z.string(),
  message: z.string(),
  hint: z.string(),
  lines: z.array(z.string()),
});

const recordPath = (): string => join(dirname(hostPaths().bases), "kvm.json");

/** Identifies everything that affects the result of the probe. Undefined without a device. */
async function environmentId(binary: string, cpuModel: string): Promise<string | undefined> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const device = await stat("/dev/kvm");
    const facts = [boot, device.ctimeMs, device.mode, process.getuid?.(), binary, cpuModel];
    return createHash("sha256").update(facts.join("\n")).digest("hex");
  } catch {
    // Without a device the probe fails immediately, so nothing needs to be cached.
    return undefined;
  }
}

/** Returns the problem that was cached for this host, program and CPU model, if any. */
export async function readCachedProblem(
  binary: string,
  cpuModel: string,
): Promise<VmbuildError | undefined> {
  const key = await environmentId(binary, cpuModel);
  const text = await readFile(recordPath(), "utf8").catch(() => "null");
  const record = recordSchema.safeParse(JSON.parse(text)).data;
  if (key === undefined || record?.key !== key) return undefined;
  const { message, hint, lines } = record;
  return new VmbuildError("HOST_KVM_UNUSABLE", message, { hint, lines });
}

/** Stores a problem for {@link readCachedProblem}. */
export async function cacheProblem(
  binary: string,
  cpuModel: string,
  problem: VmbuildError,
): Promise<void> {
  const key = await environmentId(binary, cpuModel);
  if (key === undefined) return;
  const { message, hint, lines } = problem;
  try {
    await makeFolder(dirname(recordPath()));
    await writeFileAtomic(recordPath(), `${JSON.stringify({ key, message, hint, lines })}\n`);
  } catch (error) {
    // When the cache cannot be written, the probe simply runs again next time.
    if (!hostFaultOf(error)) throw error;
  }
}
