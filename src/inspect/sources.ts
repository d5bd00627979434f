/** Where a template's base and inputs would come from, and whether they are here. */
import { baseKindOf } from "../base/registry.js";
import { statIfThere } from "../host/files.js";
import { inputLocation } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { SourceFacts } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
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
export function inspectBase({ base, folder }: Template): Promise<SourceInspection> {
  const kind = baseKindOf(base);
  return inspectFacts("base", kind.name, kind.inspect(base, folder));
}

/** The inputs, in the template's order. */
export async function inspectInputs({ inputSpecs }: Template): Promise<SourceInspection[]> {
  return Promise.all([...inputSpecs].map(([name, spec]) => inspectSpec(name, spec)));
}
