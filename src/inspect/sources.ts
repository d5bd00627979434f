/** Where a template's base and inputs would come from, and whether they are here. */
import { resolve } from "node:path";
import { bootstrapLocation, bootstrapSpec } from "../base/cached-bootstrap.js";
import { statIfThere } from "../host/files.js";
import { inputLocation } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { SourceFacts } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import { urlSpec } from "../inputs/url-source.js";
import type { Template } from "../template/load.js";

/** A base or an input. */
export interface SourceInspection {
  /** The input's name; `base` for the base. */
  readonly name: string;
  readonly kind: string;
  /** The address without credentials, the path, the suite, or the appliance. */
  readonly origin: string;
  /** As the template has it; of a git tree its ref. */
  readonly pinned?: string;
  /** The template's key that has it: `checksum`, `ref`. */
  readonly pinnedBy?: string;
  /** Where it lies or will lie; absolute. Unknown for another template's artifact. */
  readonly path?: string;
  /** Whether something lies there now. A run may still find that it has changed. */
  readonly here: boolean;
  /** The same in words: `cached`, `not fetched yet`. */
  readonly state: string;
}

/** Adds to what is known of a source whether it is here now. */
async function inspectFacts(
  name: string,
  kind: string,
  facts: SourceFacts,
): Promise<SourceInspection> {
  const { origin, pinned, path, present, absent } = facts;
  const here = path !== undefined && (await statIfThere(path)) !== undefined;
  return {
    name,
    kind,
    origin,
    ...(pinned ? { pinned: pinned.value, pinnedBy: pinned.label } : {}),
    ...(path === undefined ? {} : { path }),
    here,
    state: here ? present : absent,
  };
}

function inspectSpec(name: string, spec: InputSpec): Promise<SourceInspection> {
  return inspectFacts(name, spec.kind, inputKindOf(spec).inspect(spec, inputLocation(spec)));
}

/** The base. */
export async function inspectBase({ base, folder }: Template): Promise<SourceInspection> {
  if ("url" in base) return inspectSpec("base", urlSpec(base, folder, true));
  if ("path" in base)
    return inspectSpec("base", { kind: "path", path: resolve(folder, base.path) });
  if ("appliance" in base) {
    const absent = "another template's artifact";
    const facts = { origin: base.appliance, present: absent, absent };
    return inspectFacts("base", "appliance", facts);
  }
  const { suite, packages } = base.bootstrap;
  const path = bootstrapLocation(bootstrapSpec(base.bootstrap));
  const origin = [suite, ...packages.map((name) => `+${name}`)].join(" ");
  const absent = "not made yet: takes some minutes, once";
  return inspectFacts("base", "bootstrap", { origin, path, present: "cached", absent });
}

/** The inputs, in the template's order. */
export async function inspectInputs({ inputSpecs }: Template): Promise<SourceInspection[]> {
  return Promise.all([...inputSpecs].map(([name, spec]) => inspectSpec(name, spec)));
}
