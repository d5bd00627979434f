/**
 * Templates on the guest of busybox, for tests of vmbuild that need no more of a system. Emulated,
 * it boots, stops and is converted in a fraction of the time that Debian takes.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeBusyboxGuest } from "./busybox-guest.js";
import type { BusyboxGuest } from "./busybox-guest.js";
import type { TemplateDocument } from "./e2e.js";

const PASSWORD = "Let me in, it's cold!";

/** Makes the guest in a new folder below the given one. */
export async function makeSmallGuest(parent: string): Promise<BusyboxGuest> {
  const folder = join(parent, "small-guest");
  await mkdir(folder);
  return makeBusyboxGuest(folder, PASSWORD);
}

/** Returns a template that is built on the guest, unless it has another base. */
export function onSmallGuest(guest: BusyboxGuest, document: TemplateDocument): TemplateDocument {
  const { variables, machine, ...rest } = document;
  return {
    base: { path: guest.disk },
    ssh: { password: "${var.password}", timeout: "10m" },
    ...rest,
    variables: {
      password: { sensitive: true, default: PASSWORD },
      ...(variables as object | undefined),
    },
    machine: { ...machine, arguments: guest.arguments },
  };
}
