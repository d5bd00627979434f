/** The disk image that a build starts from, whatever the template says it is. */
import { VmbuildError } from "../errors.js";
import { formatSizes } from "../host/format.js";
import { imageInfo } from "../machine/disk.js";
import { openImage } from "./disk-image.js";
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
 * Brings the base to this host, unpacks or converts it where that is needed, and reads what it is.
 * @throws {VmbuildError} the codes of inputs; BASE_BOOTSTRAP; BASE_INVALID where it is no disk
 *   image, or refers to other files of this host although its kind may not.
 */
export async function resolveBase(base: BaseDefinition, context: BaseContext): Promise<Base> {
  const kind = baseKindOf(base);
  const found = await kind.resolve(base, context);
  const file = { ...found, isLocal: kind.mayUseOtherFiles };
  const { isMade, digest = found.digest, path } = await openImage(file, context);
  const info = await imageInfo(path, context.signal);
  const other = info.backingFile ?? info.dataFile;
  if (other !== undefined && (isMade || !kind.mayUseOtherFiles)) {
    throw new VmbuildError(
      "BASE_INVALID",
      `The base ${found.origin} refers to another file: ${other}`,
      {
        hint: "A base has to be whole in itself; flatten it with qemu-img convert.",
      },
    );
  }
  if (info.format !== "qcow2" && info.format !== "raw") {
    throw new VmbuildError("BASE_INVALID", `The base ${found.origin} is of format ${info.format}`, {
      hint: `qcow2 and raw serve; convert it: qemu-img convert -O qcow2 ${path} base.qcow2`,
    });
  }
  return {
    ...found,
    path,
    digest,
    kind: kind.name,
    format: info.format,
    virtualSize: info.virtualSize,
  };
}

/**
 * Checks that the template's disk can hold the base.
 * @throws {VmbuildError} BASE_TOO_LARGE.
 */
export function requireFit(base: Pick<Base, "virtualSize" | "origin">, disk: number): void {
  if (disk >= base.virtualSize) return;
  const [own, needed] = formatSizes(disk, base.virtualSize);
  throw new VmbuildError(
    "BASE_TOO_LARGE",
    `machine.disk is ${own}, but the base ${base.origin} has ${needed}`,
    { details: { disk, base: base.virtualSize } },
  );
}
