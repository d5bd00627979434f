/** Everything before the machine starts: host, inputs, base, keys, seed, disk; side by side. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { requireFit, resolveBase } from "../base/base.js";
import type { Base } from "../base/base.js";
import { pinBase } from "../base/pin.js";
import { makeBuildKeys, saveKeys } from "../guest/keys.js";
import type { BuildKeys } from "../guest/keys.js";
import { resolveInput } from "../inputs/inputs.js";
import type { ResolvedInput } from "../inputs/inputs.js";
import { createOverlay } from "../machine/disk.js";
import { copyVariables } from "../machine/firmware.js";
import { writeSeed } from "../seed/nocloud.js";
import { phase, together } from "./context.js";
import type { RunContext } from "./context.js";
import { checkHost } from "./host.js";
import type { HostFacts } from "./host.js";

/** All that the machine needs, ready. */
export interface Prepared {
  readonly host: HostFacts;
  readonly inputs: readonly ResolvedInput[];
  readonly base: Base;
  readonly keys: BuildKeys;
}

async function prepareHost(context: RunContext, signal: AbortSignal): Promise<HostFacts> {
  const { emit, template, workspace, output, meter } = context;
  const folders = { state: workspace.build.folder, output: output.folder };
  const host = await phase(
    emit,
    "host",
    () => meter.waitFor(() => checkHost(template, folders, signal)),
    ({ qemu, accelerator }) => `QEMU ${qemu.text}, ${accelerator}`,
  );
  if (host.fallback) {
    emit({
      type: "warning",
      message: `Emulating (tcg), which is many times slower than KVM: ${host.fallback.message}`,
      hint: host.fallback.hint,
    });
  }
  return host;
}

async function prepareInputs(context: RunContext, signal: AbortSignal): Promise<ResolvedInput[]> {
  const { emit, template, options, meter } = context;
  if (template.inputSpecs.size === 0) return [];
  const inputContext = { emit, signal, offline: options.offline ?? false };
  const works = [...template.inputSpecs].map(
    ([name, spec]) =>
      (either: AbortSignal) =>
        resolveInput(name, spec, { ...inputContext, signal: either }),
  );
  return phase(
    emit,
    "inputs",
    () => meter.waitFor(() => together(signal, works)),
    (inputs) => {
      const cached = inputs.filter((input) => input.fromCache).length;
      return `${inputs.length} ready, ${cached} from the cache`;
    },
  );
}

async function prepareBase(context: RunContext, signal: AbortSignal): Promise<Base> {
  const { emit, template, options, meter } = context;
  const baseContext = {
    emit,
    signal,
    offline: options.offline ?? false,
    templateFolder: template.folder,
    findArtifact: options.findArtifact,
  };
  const base = await phase(
    emit,
    "base",
    () => meter.waitFor(() => resolveBase(template.base, baseContext)),
    ({ origin }) => origin,
  );
  requireFit(base, template.machine.disk);
  return base;
}

async function prepareSeed(context: RunContext, signal: AbortSignal): Promise<BuildKeys> {
  const { emit, template, workspace, meter } = context;
  return phase(emit, "seed", async () => {
    const keys = makeBuildKeys();
    const { userData, networkConfig } = template.seed;
    const inTemplate = (path: string | undefined): string | undefined =>
      path === undefined ? undefined : resolve(template.folder, path);
    await rm(workspace.build.keys, { recursive: true, force: true });
    const seed = {
      instanceId: `vmbuild-${randomUUID()}`,
      hostname: hostnameOf(template.name),
      user: template.ssh.user,
      keys,
      userData: inTemplate(userData),
      networkConfig: inTemplate(networkConfig),
    };
    const written = meter.waitFor(() => writeSeed(seed, workspace.build.seed, signal));
    await Promise.all([saveKeys(keys, workspace.build.keys), written]);
    return keys;
  });
}

/** A template's name as a host name: letters, digits and dashes (RFC 1123). */
export function hostnameOf(name: string): string {
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .slice(0, 63)
      .replaceAll(/^-|-$/g, "") || "vmbuild"
  );
}

async function prepareDisk(context: RunContext, base: Base, host: HostFacts): Promise<void> {
  const { emit, template, workspace, options, meter } = context;
  const { disk: path, base: pin, firmwareVariables } = workspace.build;
  const size = template.machine.disk;
  await phase(emit, "disk", async () => {
    const backing = await meter.waitFor(() => pinBase(base.path, pin));
    const overlay = { path, backing, backingFormat: base.format, size };
    await meter.waitFor(() => createOverlay({ ...overlay, signal: options.signal }));
    if (host.uefi) await copyVariables(host.uefi, firmwareVariables);
  });
}

/**
 * Gets everything ready.
 * @throws {VmbuildError} of the rooms it calls: the first failure, the others being cancelled.
 */
export async function prepare(context: RunContext): Promise<Prepared> {
  const [host, inputs, base, keys] = await together<[HostFacts, ResolvedInput[], Base, BuildKeys]>(
    context.options.signal,
    [
      (signal) => prepareHost(context, signal),
      (signal) => prepareInputs(context, signal),
      (signal) => prepareBase(context, signal),
      (signal) => prepareSeed(context, signal),
    ],
  );
  await prepareDisk(context, base, host);
  return { host, inputs, base, keys };
}
