/** The disk image that a build starts from, whatever the template says it is. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatBytes } from "../host/format.js";
import { resolveInput } from "../inputs/inputs.js";
import type { InputSpec, ResolvedInput } from "../inputs/inputs.js";
import { urlSpec } from "../inputs/url-source.js";
import { imageInfo } from "../machine/disk.js";
import type { TemplateValues } from "../template/schema.js";
import { bootstrapSpec, resolveBootstrap } from "./cached-bootstrap.js";

/** What a template says of its base. */
export type BaseDefinition = TemplateValues["base"];

/** A base that is there. */
export interface Base {
  /** Absolute; never written to. */
  readonly path: string;
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  readonly kind: "url" | "path" | "bootstrap" | "appliance";
  /** Address, path, suite or appliance. */
  readonly origin: string;
  /** `sha256:<hex>`, where it is known without reading the image again. */
  readonly digest: string | undefined;
}

/** What resolving a base is given. */
export interface BaseContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  readonly templateFolder: string;
  /** The path of another template's finished artifact, and its digest. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string; digest?: string }>;
}

type Found = Pick<Base, "path" | "kind" | "origin" | "digest">;

async function fromInput(
  kind: "url" | "path",
  spec: InputSpec,
  context: BaseContext,
): Promise<Found> {
  const input: ResolvedInput = await resolveInput("base", spec, context);
  const digest = input.digest && `${input.digest.algorithm}:${input.digest.hex}`;
  return { path: input.path, kind, origin: input.origin, digest };
}

async function find(base: BaseDefinition, context: BaseContext): Promise<Found> {
  const { templateFolder } = context;
  if ("url" in base) return fromInput("url", urlSpec(base, templateFolder, true), context);
  if ("path" in base) {
    return fromInput("path", { kind: "path", path: resolve(templateFolder, base.path) }, context);
  }
  if ("appliance" in base) {
    const artifact = await context.findArtifact(base.appliance);
    const { path, digest } = artifact;
    return {
      path,
      kind: "appliance",
      origin: base.appliance,
      digest: digest && `sha256:${digest}`,
    };
  }
  const made = await resolveBootstrap(bootstrapSpec(base.bootstrap), context);
  return {
    path: made.path,
    kind: "bootstrap",
    origin: base.bootstrap.suite,
    digest: `sha256:${made.digest}`,
  };
}

/**
 * Brings the base here and looks at it. An image that refers to other files of this host is
 * refused: a download could otherwise copy any file that the caller can read into the artifact.
 * @throws {VmbuildError} the codes of inputs; BASE_BOOTSTRAP; BASE_INVALID.
 */
export async function resolveBase(base: BaseDefinition, context: BaseContext): Promise<Base> {
  const found = await find(base, context);
  const info = await imageInfo(found.path, context.signal);
  const other = info.backingFile ?? info.dataFile;
  if (other !== undefined && found.kind === "url") {
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
  return { ...found, format: info.format, virtualSize: info.virtualSize };
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
