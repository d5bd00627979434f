/** Makes an ISO image that starts Debian's installer from its own boot menu. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cachedInstaller, packageOf, RELEASES } from "./debian-installer.js";
import type { Suite } from "./debian-installer.js";

const NAME = "menu.iso";

/** Options of a medium that a BIOS starts (syslinux's doc/isolinux.txt). */
const BOOTABLE =
  "-b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table".split(" ");

/**
 * Returns the path of an ISO image with the menu, the kernel and the initrd of Debian's netboot
 * package. The menu is that of Debian's CDs, without the graphical entries.
 */
export async function debianMenuIso(suite: Suite): Promise<string> {
  const folder = await cachedInstaller({ kind: "menu", suite }, async (archive, to) => {
    const root = join(archive.folder, "menu");
    await archive.unpack([packageOf(suite), "isolinux", "syslinux-common"], root);
    const images = join(root, "usr/lib/debian-installer/images", String(RELEASES[suite]));
    const netboot = join(images, "amd64/text");
    const content = join(archive.folder, "content");
    await mkdir(content);
    const add = (from: string, name: string) =>
      cp(from, join(content, name), { recursive: true, verbatimSymlinks: true });
    await add(join(netboot, "debian-installer"), "debian-installer");
    await add(join(netboot, "debian-installer/amd64/boot-screens/syslinux.cfg"), "isolinux.cfg");
    await add(join(root, "usr/lib/ISOLINUX/isolinux.bin"), "isolinux.bin");
    await add(join(root, "usr/lib/syslinux/modules/bios/ldlinux.c32"), "ldlinux.c32");
    const options = ["-as", "mkisofs", "-quiet", "-rock", "-volid", "MENU", ...BOOTABLE];
    await execa("xorriso", [...options, "-o", join(to, NAME), content]);
  });
  return join(folder, NAME);
}
