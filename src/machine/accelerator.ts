/**
 * Decides which accelerator runs the guest. Falls back to emulation only when `auto` was requested,
 * and reports it.
 */
import { access, constants } from "node:fs/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { readCachedProblem, cacheProblem } from "./kvm-problem-cache.js";
import { probeGuest } from "./kvm-probe.js";
import { architectureNamed, hostArchitecture } from "./architectures/registry.js";
import { defaultCpuModel } from "./shape.js";
import type { Accelerator, MachinePlan } from "./shape.js";

const KVM = "/dev/kvm";

/** Accelerators that a template or a flag may request. */
export const ACCELERATOR_CHOICES = ["kvm", "tcg", "auto"] as const;

/** One of {@link ACCELERATOR_CHOICES}. */
export type AcceleratorChoice = (typeof ACCELERATOR_CHOICES)[number];

/** Accelerator of a run. `fallback` gives the reason why `auto` chose emulation instead of KVM. */
export interface DecidedAccelerator {
  readonly accelerator: Accelerator;
  readonly fallback?: VmbuildError;
}

const TCG =
  "or use emulation, which is slow: --accel tcg (or --accel auto, which selects it if KVM does not work)";

/** Part of a machine on which it depends whether KVM can run it. */
export type ProbedMachine = Pick<MachinePlan, "arch" | "binary" | "cpuModel">;

/** Returns the problem of a guest whose instructions this host's processor does not execute. */
export function foreignProblem({ arch }: ProbedMachine): VmbuildError | undefined {
  const host = hostArchitecture();
  if (host?.name === arch) return undefined;
  return new VmbuildError(
    "HOST_KVM_UNUSABLE",
    `KVM was requested, but this host is ${host?.name ?? process.arch}: KVM cannot run a guest with machine.arch ${arch}`,
    { hint: `Use a host of that architecture, ${TCG}.` },
  );
}

async function deviceProblem(): Promise<VmbuildError | undefined> {
  try {
    await access(KVM, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return new VmbuildError("HOST_KVM_UNUSABLE", `KVM was requested, but ${KVM} does not exist`, {
        cause: error,
        hint:
          "Enable virtualization in the host's firmware and load the module " +
          `(modprobe kvm_intel or modprobe kvm_amd), ${TCG}.`,
      });
    }
    return new VmbuildError(
      "HOST_KVM_UNUSABLE",
      `KVM was requested, but this user has no access to ${KVM}`,
      {
        cause: error,
        hint: `Join the group: sudo usermod -aG kvm $USER, then log in again; ${TCG}.`,
      },
    );
  }
}

/**
 * Returns the reason why KVM cannot run a machine on this host, or undefined when a test guest with
 * its CPU model ran. Takes a twentieth of a second when KVM works, and three seconds when guests hang.
 */
export async function findKvmProblem(
  machine: ProbedMachine,
  signal?: AbortSignal,
): Promise<VmbuildError | undefined> {
  const missing = foreignProblem(machine) ?? (await deviceProblem());
  if (missing) return missing;
  const { arch, binary, cpuModel = defaultCpuModel("kvm", arch) } = machine;
  const probe = await probeGuest(
    { guest: architectureNamed(arch).probe, binary, cpuModel },
    signal,
  );
  if (probe.usable) return undefined;
  return new VmbuildError(
    "HOST_KVM_UNUSABLE",
    `${KVM} exists, but KVM cannot run a guest with -cpu ${cpuModel}: ${probe.reason}`,
    {
      lines: probe.lastLines,
      hint:
        "On a virtual machine, enable nested virtualization on its host; on a physical one, check " +
        `dmesg and reload the module (modprobe -r kvm_intel && modprobe kvm_intel; kvm_amd on AMD); ${TCG}.`,
    },
  );
}

/**
 * Resolves the requested accelerator.
 * @throws {VmbuildError} HOST_KVM_UNUSABLE when `kvm` was requested and does not work.
 */
export async function decideAccelerator(
  choice: AcceleratorChoice,
  machine: ProbedMachine,
  signal?: AbortSignal,
): Promise<DecidedAccelerator> {
  if (choice === "tcg") return { accelerator: "tcg" };
  const { arch, binary, cpuModel: model = defaultCpuModel("kvm", arch) } = machine;
  // A user who requests `kvm` may just have fixed it, so it is tested again; `auto` uses the cached
  // result.
  const cached = choice === "auto" ? await readCachedProblem(binary, model) : undefined;
  const problem = cached ?? (await findKvmProblem(machine, signal));
  if (!problem) return { accelerator: "kvm" };
  if (choice === "kvm") throw problem;
  await cacheProblem(binary, model, problem);
  return { accelerator: "tcg", fallback: problem };
}
