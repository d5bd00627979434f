/** Where a template's base and inputs would come from, and whether they are here. */
import { resolve } from "node:path";
import { bootstrapLocation, bootstrapSpec } from "../base/cached-bootstrap.js";
import { statIfThere } from "../host/files.js";
import { displayUrl } from "../inputs/address.js";
import { urlSpec } from "../inputs/definition.js";
import { inputLocation } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { Template } from "../template/load.js";

/** A base or an input. */
export interface SourceInspection {
  /** The input's name; `base` for the base. */
  readonly name: string;
  readonly kind: "url" | "git" | "oci" | "path" | "bootstrap" | "appliance";
  /** The address without credentials, the path, the suite, or the appliance. */
  readonly origin: string;
  /** As the template has it; of a git tree its ref. */
  readonly pinned?: string;
  /** Where it lies or will lie; absolute. Unknown for another template's artifact. */
  readonly path?: string;
  /** Whether something lies there now. A run may still find that it has changed. */
  readonly here: boolean;
}

async function inspectSpec(name: string, spec: InputSpec): Promise<SourceInspection> {
  const path = inputLocation(spec);
  const here = (await statIfThere(path)) !== undefined;
  switch (spec.kind) {
    case "url":
      return {
        name,
        kind: "url",
        origin: displayUrl(spec.url),
        pinned: spec.checksum,
        path,
        here,
      };
    case "git":
      return { name, kind: "git", origin: displayUrl(spec.url), pinned: spec.ref, path, here };
    case "oci":
      return { name, kind: "oci", origin: spec.image, path, here };
    case "path":
      return { name, kind: "path", origin: spec.path, path, here };
  }
}

/** The base. */
export async function inspectBase({ base, folder }: Template): Promise<SourceInspection> {
  if ("url" in base) return inspectSpec("base", urlSpec(base, folder, true));
  if ("path" in base)
    return inspectSpec("base", { kind: "path", path: resolve(folder, base.path) });
  if ("appliance" in base) {
    return { name: "base", kind: "appliance", origin: base.appliance, here: false };
  }
  const { suite, packages } = base.bootstrap;
  const path = bootstrapLocation(bootstrapSpec(base.bootstrap));
  const here = (await statIfThere(path)) !== undefined;
  const origin = [suite, ...packages.map((name) => `+${name}`)].join(" ");
  return { name: "base", kind: "bootstrap", origin, path, here };
}

/** The inputs, in the template's order. */
export async function inspectInputs({ inputSpecs }: Template): Promise<SourceInspection[]> {
  return Promise.all([...inputSpecs].map(([name, spec]) => inspectSpec(name, spec)));
}
