/** Decides how the guest's instructions are run: never silently by another way than was asked. */
import { access, constants } from "node:fs/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { recallProblem, rememberProblem } from "./kvm-memory.js";
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

const EMULATE =
  "or use emulation, which is slow: --accel tcg (or --accel auto, which selects it if KVM does not work)";

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
          `(modprobe kvm_intel or modprobe kvm_amd), ${EMULATE}.`,
      });
    }
    return new VmbuildError(
      "HOST_KVM_UNUSABLE",
      `KVM was requested, but this user has no access to ${KVM}`,
      {
        cause: error,
        hint: `Join the group: sudo usermod -aG kvm $USER, then log in again; ${EMULATE}.`,
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
    `${KVM} exists, but KVM cannot run a guest with -cpu ${cpuModel}: ${probe.reason}`,
    {
      lines: probe.words,
      hint:
        "On a virtual machine, enable nested virtualization on its host; on a physical one, check " +
        `dmesg and reload the module (modprobe -r kvm_intel && modprobe kvm_intel; kvm_amd on AMD); ${EMULATE}.`,
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
  const known = choice === "auto" ? await recallProblem(binary, model) : undefined;
  const problem = known ?? (await findKvmProblem(binary, model, signal));
  if (!problem) return { accelerator: "kvm" };
  if (choice === "kvm") throw problem;
  await rememberProblem(binary, model, problem);
  return { accelerator: "tcg", fallback: problem };
}
