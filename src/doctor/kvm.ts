/** Checks whether KVM can be used on this host and by this user. */
import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { findKvmProblem } from "../machine/accelerator.js";
import type { ProbedMachine } from "../machine/accelerator.js";
import { defaultCpuModel } from "../machine/shape.js";
import { asVmbuildError, systemCode } from "../errors.js";
import { findProgram } from "../requirements/host.js";
import { unmet, ok } from "./check.js";
import type { Check } from "./check.js";

/** Requirements for KVM. */
export interface KvmRequirement {
  readonly machine: ProbedMachine;
  /** True when the job cannot run without KVM. */
  readonly required: boolean;
}

const COST =
  "templates that require KVM cannot be built; emulation (--accel tcg) is many times slower";

/** Runs a very small guest, as a build does before its own; takes three seconds at most. */
export async function checkKvm(requirement: KvmRequirement, signal: AbortSignal): Promise<Check> {
  const { machine, required } = requirement;
  const { arch, binary, cpuModel: model = defaultCpuModel("kvm", arch) } = machine;
  if (!(await findProgram(binary))) {
    const found = `not tested: ${binary} is not installed`;
    return unmet("kvm", required, { found, cost: COST, fix: "install QEMU first" });
  }
  const problem = await findKvmProblem(machine, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return asVmbuildError(error);
  });
  if (!problem) return ok("kvm", `a guest ran with -cpu ${model}`);
  const detail = problem.lines.length > 0 ? ` (${problem.lines.at(-1) ?? ""})` : "";
  const found = `${problem.message}${detail}`;
  return unmet("kvm", required, { found, cost: COST, fix: problem.hint });
}

/** Returns the user's name, or its id where the password database has none, as in containers. */
function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}

/** Checks whether this user is in the group of /dev/kvm. */
export async function checkKvmGroup(): Promise<Check | undefined> {
  const device = await stat("/dev/kvm").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  // Without a device there is no group; the check of KVM itself reports that.
  if (!device) return undefined;
  const uid = process.getuid?.() ?? 0;
  const username = userName(uid);
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((entry) => entry.split(":")[2] === String(device.gid));
  const group = line?.split(":")[0] ?? String(device.gid);
  if (uid === 0) return ok("kvm group", "not needed by root");
  if (process.getgroups?.().includes(device.gid)) return ok("kvm group", `in ${group}`);
  if ((device.mode & 0o006) === 0o006)
    return ok("kvm group", "not needed: /dev/kvm is open to all users");
  return unmet("kvm group", false, {
    found: `${username} is not in the group ${group}`,
    cost: "KVM cannot be used",
    fix: `sudo usermod -aG ${group} ${username}    then log in again`,
  });
}
