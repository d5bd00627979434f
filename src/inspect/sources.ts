/** Describes the sources of a template's base and inputs, and whether they are on this host. */
import { baseKindOf } from "../base/registry.js";
import { statIfThere } from "../host/files.js";
import { inputLocation } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { SourceFacts } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import type { Template } from "../template/load.js";

/** Base or input. */
export interface SourceInspection {
  /** Name of the input; `base` for the base. */
  readonly name: string;
  readonly kind: string;
  /** Address without credentials, path, suite, or appliance. */
  readonly origin: string;
  /** Value that fixes the content in the template; for a git tree its ref. */
  readonly pinned?: string;
  /** Key of that value: `checksum`, `ref`. */
  readonly pinnedBy?: string;
  /** Absolute path, now or later. Unknown for another template's artifact. */
  readonly path?: string;
  /** True when something exists there now. A run may still find that it has changed. */
  readonly here: boolean;
  /** Description of the state: `cached`, `not fetched yet`. */
  readonly state: string;
}

/** Adds whether a source is on this host now. */
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

/** Describes the base. */
export function inspectBase({ base, folder, machine }: Template): Promise<SourceInspection> {
  const kind = baseKindOf(base);
  const setting = { templateFolder: folder, arch: machine.arch };
  return inspectFacts("base", kind.name, kind.inspect(base, setting));
}

/** Describes the inputs in the order of the template. */
export async function inspectInputs({ inputSpecs }: Template): Promise<SourceInspection[]> {
  return Promise.all([...inputSpecs].map(([name, spec]) => inspectSpec(name, spec)));
}
