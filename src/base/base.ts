/** The disk image that a build starts from, whatever the template says it is. */
import { VmbuildError } from "../errors.js";
import { formatBytes } from "../host/format.js";
import { imageInfo } from "../machine/disk.js";
import type { BaseContext, FoundImage } from "./kind.js";
import { baseKindOf } from "./registry.js";
import type { BaseDefinition } from "./registry.js";

/** A base that is there. */
export interface Base extends FoundImage {
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  /** The name of its kind. */
  readonly kind: string;
}

/**
 * Brings the base here and looks at it. An image that refers to other files of this host is
 * refused where its kind does not allow that.
 * @throws {VmbuildError} the codes of inputs; BASE_BOOTSTRAP; BASE_INVALID.
 */
export async function resolveBase(base: BaseDefinition, context: BaseContext): Promise<Base> {
  const kind = baseKindOf(base);
  const found = await kind.resolve(base, context);
  const info = await imageInfo(found.path, context.signal);
  const other = info.backingFile ?? info.dataFile;
  if (other !== undefined && !kind.mayUseOtherFiles) {
    throw new VmbuildError(
      "BASE_INVALID",
      `The base ${found.path} refers to another file: ${other}`,
      {
        hint: "A base has to be whole in itself; flatten it with qemu-img convert.",
      },
    );
  }
  if (info.format !== "qcow2" && info.format !== "raw") {
    throw new VmbuildError("BASE_INVALID", `The base ${found.path} is of format ${info.format}`, {
      hint: `qcow2 and raw serve; convert it: qemu-img convert -O qcow2 ${found.path} base.qcow2`,
    });
  }
  return { ...found, kind: kind.name, format: info.format, virtualSize: info.virtualSize };
}

/**
 * Checks that the template's disk can hold the base.
 * @throws {VmbuildError} BASE_TOO_LARGE.
 */
export function requireFit(base: Pick<Base, "virtualSize" | "origin">, disk: number): void {
  if (disk >= base.virtualSize) return;
  throw new VmbuildError(
    "BASE_TOO_LARGE",
    `machine.disk is ${formatBytes(disk)}, but the base ${base.origin} has ${formatBytes(base.virtualSize)}`,
    { details: { disk, base: base.virtualSize } },
  );
}
