/** Describes how a machine gets the file of a seed. */
import { z } from "zod";

/** Schema of {@link SeedMedia}, for the records of checkpoints. */
export const seedMediaSchema = z
  .object({
    /** As a read-only disk. */
    disk: z.boolean().optional(),
    /** As a CD. */
    cd: z.boolean().optional(),
    /** As files of the firmware's configuration device, with these names. */
    firmwareNames: z.array(z.string()).readonly().optional(),
    /** As a string in the SMBIOS table of type 11. */
    smbios: z.boolean().optional(),
    /** Further strings for that table, without secrets. */
    smbiosValues: z.array(z.string()).readonly().optional(),
    /** Address that the seed gives the guest; undefined where DHCP assigns it. */
    guestAddress: z.string().optional(),
  })
  .readonly();

/** How a machine gets the file of a seed; any of these at the same time. */
export type SeedMedia = z.infer<typeof seedMediaSchema>;

/** Media of a NoCloud disk: cloud kernels have a driver for virtio disks, but none for SATA CDs. */
export const NOCLOUD_MEDIA: SeedMedia = { disk: true };

/**
 * Media of a CONTEXT disk. OpenNebula attaches it as a CD, and one-context from 7.2 on waits 90 s
 * for a CD drive. Older packages do not wait: a disk is available from the start, while a CD's
 * drivers may load too late.
 */
export const CONTEXT_MEDIA: SeedMedia = { disk: true, cd: true };

/** Files and options of a machine that depend on its seed. */
export interface AttachedSeed {
  readonly readOnlyDisks: readonly string[];
  readonly cds?: readonly string[];
  readonly firmwareFiles?: readonly { readonly name: string; readonly path: string }[];
  readonly smbiosString?: string;
  readonly smbiosValues?: readonly string[];
  readonly guestAddress?: string;
}

/** Returns the files of a machine that gets the seed at `path` by these media. Pure. */
export function attachSeed(media: SeedMedia, path: string): AttachedSeed {
  const { disk, cd, firmwareNames, smbios, smbiosValues, guestAddress } = media;
  return {
    readOnlyDisks: disk ? [path] : [],
    ...(cd ? { cds: [path] } : {}),
    ...(firmwareNames ? { firmwareFiles: firmwareNames.map((name) => ({ name, path })) } : {}),
    ...(smbios ? { smbiosString: path } : {}),
    ...(smbiosValues ? { smbiosValues } : {}),
    ...(guestAddress === undefined ? {} : { guestAddress }),
  };
}
