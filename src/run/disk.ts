/**
 * Creates a new working disk: an overlay on the base, the further disks of the machine, and the seed
 * with the build's keys.
 */
import { rm } from "node:fs/promises";
import { readIdentity, isSameFile } from "../checkpoints/trust.js";
import { VmbuildError } from "../errors.js";
import { pinBase } from "../base/pin.js";
import { makeBuildKeys, saveKeys } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";
import { createOverlay } from "../machine/disk.js";
import { copyVariables } from "../machine/firmware.js";
import type { RunContext } from "./context.js";
import { createDisks } from "./extra-disks.js";
import type { Prepared } from "./prepare.js";

async function prepareSeed(context: RunContext, { base, seed }: Prepared): Promise<BuildKeys> {
  const { key } = base;
  const { signal } = context.options;
  const { workspace } = context;
  const make = async (): Promise<BuildKeys> => {
    const keys = { ...makeBuildKeys(), ...(key === undefined ? {} : { base: key }) };
    await rm(workspace.work.keys, { recursive: true, force: true });
    const written = context.wait(() => seed.write(keys, workspace.work.seed, signal));
    await Promise.all([saveKeys(keys, workspace.work.keys), written]);
    return keys;
  };
  return context.phase("seed", make, { own: true });
}

async function prepareOverlay(context: RunContext, prepared: Prepared): Promise<void> {
  const { base, host, baseIdentity } = prepared;
  const { template, workspace, options } = context;
  const { disk: path, base: pin, firmwareVariables } = workspace.work;
  const { disk, skipResize } = template.machine;
  await context.phase("disk", async () => {
    const backing = await pinBase(base.path, pin);
    if (!isSameFile(await readIdentity(base.path), baseIdentity)) {
      throw new VmbuildError(
        "BASE_INVALID",
        `The base ${base.path} changed during the preparation`,
        {
          hint: "Run the command again; another run may have fetched a newer version.",
        },
      );
    }
    const overlay = { path, backing, backingFormat: base.format };
    const size = skipResize ? {} : { size: disk };
    await createOverlay({ ...overlay, ...size, signal: options.signal });
    await createDisks(context, prepared.disks);
    if (host.uefi) {
      const { variablesTemplate } = host.uefi;
      const own = base.firmwareVariables ?? variablesTemplate;
      await copyVariables({ variablesTemplate: own }, firmwareVariables);
    }
  });
}

/**
 * Creates disks, seed and keys, replacing existing ones.
 * @throws {VmbuildError} BASE_INVALID, BASE_TOO_LARGE, HOST_SPACE, TEMPLATE_INVALID.
 */
export async function prepareDisk(context: RunContext, prepared: Prepared): Promise<BuildKeys> {
  const [keys] = await Promise.all([
    prepareSeed(context, prepared),
    prepareOverlay(context, prepared),
  ]);
  return keys;
}
