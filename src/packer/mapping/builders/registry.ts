/** Lists the builders. A new one is a file in this folder and a line in {@link BUILDERS}. */
import type { BuilderKind } from "../builder.js";
import { libvirtBuilder } from "./libvirt.js";
import { qemuBuilder } from "./qemu.js";

/** Builders whose sources become images. */
export const BUILDERS: readonly BuilderKind[] = [qemuBuilder, libvirtBuilder];

/** Builders that make no image: their commands and files prepare those of the others. */
export const HELPERS = ["null", "file"] as const;
