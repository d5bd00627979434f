/** What all contenders share: the base, the machine, the accelerator, and where things lie. */
import { cp, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveBase } from "../dist/base/base.js";
import { qemuVersion } from "../dist/machine/qemu-version.js";
import { decideAccelerator } from "../dist/machine/accelerator.js";
import { defaultCpuModel } from "../dist/machine/shape.js";
import type { Accelerator } from "../dist/machine/shape.js";
import { loadTemplate } from "../dist/template/load.js";
import { runProgram } from "../dist/host/programs.js";
import { vmbuildVersion } from "../dist/version.js";
import type { Settings } from "./settings.js";
import { planMachine } from "../dist/requirements/plan.js";

/** This checkout. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What the results say of where and with what they were measured. Bytes. */
export interface Host {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly accelerator: Accelerator;
  readonly guestCpu: string;
  readonly machine: { type: string; cpus: number; memoryBytes: number; diskBytes: number };
  readonly base: { suite: string; fileBytes: number };
  readonly versions: Readonly<Record<string, string>>;
}

/** Everything that a contender is handed. */
export interface Setup {
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly host: Host;
  /** The base image: an uncompressed qcow2 in vmbuild's cache. Never written to. */
  readonly base: string;
  /** Removed in the end. */
  readonly work: string;
  /** Says what goes on. */
  readonly say: (line: string) => void;
}

/** One round's folder, with a copy of all that the templates refer to, which may be changed. */
export interface Round {
  readonly number: number;
  readonly folder: string;
  /** The copy of bench/image. */
  readonly image: string;
}

/** The first version number that a program prints of itself. */
async function versionOf(file: string, argument: string): Promise<string> {
  const env = { CHECKPOINT_DISABLE: "1" };
  const result = await runProgram(file, [argument], { captureOutput: true, env });
  return /\d+(\.\d+)+/.exec(result.stdout)?.[0] ?? "unknown";
}

/** Prepares what is not measured: the base, and the facts of the host. */
export async function openSetup(
  settings: Settings,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Setup> {
  const template = await loadTemplate(join(ROOT, "bench", "image", "vmbuild.json"));
  const { machine } = template;
  const { accelerator } = await decideAccelerator(
    settings.accelerator,
    planMachine(template),
    signal,
  );
  const base = await resolveBase(template.base, {
    emit: (event) => {
      if (event.type === "note") say(event.message);
    },
    signal,
    offline: false,
    templateFolder: template.folder,
    findArtifact: () => Promise.reject(new Error("the bench builds on a bootstrapped base")),
    installer: {
      references: () => undefined,
      machine: planMachine(template),
      keepsSize: false,
      prepare: () => Promise.reject(new Error("the bench builds on a bootstrapped base")),
    },
  });
  const host: Host = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    accelerator,
    guestCpu: defaultCpuModel(accelerator),
    machine: {
      type: machine.type,
      cpus: machine.cpus,
      memoryBytes: machine.memory,
      diskBytes: machine.disk,
    },
    base: { suite: base.origin, fileBytes: (await stat(base.path)).size },
    versions: {
      vmbuild: vmbuildVersion(),
      node: process.versions.node,
      qemu: (await qemuVersion(machine.binary, signal)).text,
      packer: await versionOf("packer", "version"),
      "virt-customize": await versionOf("virt-customize", "--version"),
    },
  };
  const work = await mkdtemp(join(settings.folder, "vmbuild-bench-"));
  return { settings, signal, host, base: base.path, work, say };
}

/** What the templates are and refer to. */
const COPIED = ["bench/image", "bench/templates", "provisioners", "appliances", "schemas"];

/** A fresh folder for a round: nothing that one round made helps the next. */
export async function openRound({ work }: Setup, number: number): Promise<Round> {
  const folder = join(work, `round-${number}`);
  await rm(folder, { recursive: true, force: true });
  for (const part of COPIED) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true });
  }
  await mkdir(join(folder, "output"));
  return { number, folder, image: join(folder, "bench", "image") };
}
