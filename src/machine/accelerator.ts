/** Decides how the guest's instructions are run: never silently by another way than was asked. */
import { access, constants } from "node:fs/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { readCachedProblem, cacheProblem } from "./kvm-problem-cache.js";
import { probeGuest } from "./kvm-probe.js";
import { defaultCpuModel } from "./shape.js";
import type { Accelerator } from "./shape.js";

const KVM = "/dev/kvm";

/** What a template or a flag may ask for. */
export const ACCELERATOR_CHOICES = ["kvm", "tcg", "auto"] as const;

/** See {@link ACCELERATOR_CHOICES}. */
export type AcceleratorChoice = (typeof ACCELERATOR_CHOICES)[number];

/** The accelerator of a run. `fallback` says why it is not KVM, where `auto` had to give it up. */
export interface DecidedAccelerator {
  readonly accelerator: Accelerator;
  readonly fallback?: VmbuildError;
}

const TCG = "or emulate, slowly: --accel tcg (or --accel auto, which falls back by itself)";

async function deviceProblem(): Promise<VmbuildError | undefined> {
  try {
    await access(KVM, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      return new VmbuildError("HOST_KVM_UNUSABLE", `KVM was asked for, but there is no ${KVM}`, {
        cause: error,
        hint:
          "Switch on virtualisation in the firmware and load the module " +
          `(modprobe kvm_intel or modprobe kvm_amd), ${TCG}.`,
      });
    }
    return new VmbuildError(
      "HOST_KVM_UNUSABLE",
      `KVM was asked for, but ${KVM} may not be used by you`,
      {
        cause: error,
        hint: `Join the group: sudo usermod -aG kvm $USER, then log in again; ${TCG}.`,
      },
    );
  }
}

/**
 * Why KVM cannot be used here, or undefined when a guest with this CPU model ran. Takes a
 * twentieth of a second when it works, three seconds when guests hang.
 */
export async function findKvmProblem(
  binary: string,
  cpuModel: string,
  signal?: AbortSignal,
): Promise<VmbuildError | undefined> {
  const device = await deviceProblem();
  if (device) return device;
  const probe = await probeGuest(binary, cpuModel, signal);
  if (probe.usable) return undefined;
  return new VmbuildError(
    "HOST_KVM_UNUSABLE",
    `${KVM} is there, but it cannot run a guest with -cpu ${cpuModel}: ${probe.reason}`,
    {
      lines: probe.lastLines,
      hint:
        "On a virtual host, its own host must allow nested virtualisation; on a real one, see " +
        `dmesg and reload the module (modprobe -r kvm_intel && modprobe kvm_intel; kvm_amd on AMD); ${TCG}.`,
    },
  );
}

/**
 * Turns what was asked for into what is used.
 * @param cpuModel the template's CPU model, if it names one.
 * @throws {VmbuildError} HOST_KVM_UNUSABLE when `kvm` was asked for and does not work.
 */
export async function decideAccelerator(
  choice: AcceleratorChoice,
  binary: string,
  cpuModel: string | undefined,
  signal?: AbortSignal,
): Promise<DecidedAccelerator> {
  if (choice === "tcg") return { accelerator: "tcg" };
  const model = cpuModel ?? defaultCpuModel("kvm");
  // Whoever insists on KVM may just have mended it; `auto` believes what it found last time.
  const cached = choice === "auto" ? await readCachedProblem(binary, model) : undefined;
  const problem = cached ?? (await findKvmProblem(binary, model, signal));
  if (!problem) return { accelerator: "kvm" };
  if (choice === "kvm") throw problem;
  await cacheProblem(binary, model, problem);
  return { accelerator: "tcg", fallback: problem };
}
