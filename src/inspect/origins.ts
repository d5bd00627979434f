/** Lists the values of a template with the file or option that each came from. */
import { Secrets } from "../events/secrets.js";
import { formatPath, valueAt } from "../template/document.js";
import type { JsonPath } from "../template/document.js";
import type { Template } from "../template/load.js";
import type { Origin } from "../template/origin.js";
import { templateSchema } from "../template/schema.js";

/** Value of a template with its origin. */
export interface ValueOrigin {
  /** Place in the template: `machine.memory`, `steps.packages`. */
  readonly path: string;
  /** Value before references are replaced; undefined for an item of a list that has a name. */
  readonly value?: unknown;
  readonly origin: Origin;
}

/** Origins of a template's values. Paths are absolute. */
export interface OriginInspection {
  readonly name: string;
  readonly version: string;
  /** Files of the template: its own first, then its parent, and so on. */
  readonly files: readonly string[];
  readonly values: readonly ValueOrigin[];
}

/** Lists whose items are shown by name. */
const NAMED = new Set(["steps", "acceptance.checks", "acceptance.rounds"]);

/** Value without inner ones, at its place. */
interface Leaf {
  readonly path: JsonPath;
  readonly value: unknown;
}

function leavesOf(value: unknown, path: JsonPath): Leaf[] {
  const isContainer = typeof value === "object" && value !== null;
  if (!isContainer || (Array.isArray(value) && !NAMED.has(path.join(".")))) {
    return [{ path, value }];
  }
  const entries = Object.entries(value) as [string, unknown][];
  return entries.flatMap(([key, item]) =>
    leavesOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** Returns the named items of a list, and the values in them that came from options. */
function itemsOf(template: Template, path: JsonPath, items: readonly unknown[]): ValueOrigin[] {
  return items.flatMap((item, index) => {
    const here = [...path, index];
    const name = valueAt(item, ["name"]);
    const label = `${formatPath(path)}.${typeof name === "string" ? name : index}`;
    const changed = leavesOf(item, here).flatMap((leaf): ValueOrigin[] => {
      const origin = template.originOf(leaf.path);
      if (!("option" in origin)) return [];
      const inside = formatPath(leaf.path.slice(here.length));
      return [{ path: `${label}.${inside}`, value: leaf.value, origin }];
    });
    return [{ path: label, origin: template.originOf(here) }, ...changed];
  });
}

function originsAt(template: Template, value: unknown, path: JsonPath): ValueOrigin[] {
  if (Array.isArray(value) && NAMED.has(path.join("."))) return itemsOf(template, path, value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ path: formatPath(path), value, origin: template.originOf(path) }];
  }
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    originsAt(template, item, [...path, key]),
  );
}

/** Returns the sections of a template in the order of the reference, whichever file they are from. */
function inOrder(source: unknown): unknown {
  if (typeof source !== "object" || source === null) return source;
  const sections = source as Readonly<Record<string, unknown>>;
  const known = Object.keys(templateSchema.shape).filter((key) => Object.hasOwn(sections, key));
  return Object.fromEntries(known.map((key) => [key, sections[key]]));
}

/** Lists every value that a file or an option sets. Secrets are masked. */
export function inspectOrigins(template: Template): OriginInspection {
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  return secrets.maskAll<OriginInspection>({
    name: template.name,
    version: template.version,
    files: template.files.map(({ path }) => path),
    values: originsAt(template, inOrder(template.source), []),
  });
}
