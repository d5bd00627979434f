/**
 * Writes the files beside an entry in OpenNebula/marketplace-community, from which its tests are
 * run: `metadata.yaml`, `context.yaml` and `tests.yaml`. Their form is that of
 * appliances/example and lib/community/app_handler.rb in that repository.
 */
import { stringify } from "yaml";
import { isMapping } from "./findings.js";

/** Names of the files. */
export const COMMUNITY_FILES = ["metadata.yaml", "context.yaml", "tests.yaml"] as const;

/** First line of a file that vmbuild wrote, by which it knows that it may replace it. */
export const GENERATED_MARK = "# Written by vmbuild marketplace; a file without this line is kept.";

/** Facts for the files. */
export interface CommunityFacts {
  /** Name of the appliance. */
  readonly name: string;
  /** The entry as plain values, already checked. */
  readonly entry: unknown;
  /** Names of the appliance's tests in its folder `tests`. */
  readonly tests: readonly string[];
}

type Mapping = Readonly<Record<string, unknown>>;

const asMapping = (value: unknown): Mapping => (isMapping(value) ? value : {});
const asText = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;

/** Returns a mapping with its keys in upper case, as the server makes them. */
function upperCased(value: unknown): Record<string, unknown> {
  const pairs = Object.entries(asMapping(value));
  return Object.fromEntries(pairs.map(([key, item]) => [key.toUpperCase(), item]));
}

/** Words of `os-id`, and the name of one-apps for that system; only the major release counts. */
const SYSTEMS: readonly (readonly [RegExp, string, "major" | "minor"])[] = [
  [/alma/i, "alma", "major"],
  [/alpine/i, "alpine", "minor"],
  [/amazon/i, "amazon", "major"],
  [/debian/i, "debian", "major"],
  [/devuan/i, "devuan", "major"],
  [/fedora/i, "fedora", "major"],
  [/freebsd/i, "freebsd", "major"],
  [/oracle/i, "ol", "major"],
  [/suse/i, "opensuse", "major"],
  [/red ?hat|rhel/i, "rhel", "major"],
  [/rocky/i, "rocky", "major"],
  [/ubuntu/i, "ubuntu", "minor"],
];

/** Returns one-apps' name of a distribution: `ubuntu2404`, `debian12`, `alma8`. */
export function distributionName(osId: string, release: string): string {
  const known = SYSTEMS.find(([pattern]) => pattern.test(osId));
  const [major = "", minor = ""] = /(\d+)(?:\.(\d+))?/.exec(release)?.slice(1) ?? [];
  if (known) return `${known[1]}${major}${known[2] === "minor" ? minor : ""}`;
  return `${osId.toLowerCase().replaceAll(/[^a-z0-9]+/g, "")}${major}`;
}

function systemType(osId: string): string {
  return ["freebsd", "windows"].find((type) => osId.toLowerCase().includes(type)) ?? "linux";
}

/** Parameters of the tests: each input of the entry, with its default. */
function parametersOf(template: Mapping): { prefixed: boolean; params: Record<string, string> } {
  const inputs = Object.entries(upperCased(template["USER_INPUTS"]));
  const prefix = "ONEAPP_";
  const prefixed = inputs.length > 0 && inputs.every(([name]) => name.startsWith(prefix));
  const params = inputs.map(([name, value]): [string, string] => [
    `:${prefixed ? name.slice(prefix.length) : name}`,
    (asText(value)?.split("|").slice(4).join("|") ?? "").trim(),
  ]);
  return { prefixed, params: Object.fromEntries(params) };
}

function machineOf(template: Mapping, arch: string): Mapping {
  const { CPU, VCPU, MEMORY, CPU_MODEL, GRAPHICS, OS } = template;
  return {
    ARCH: arch,
    CONTEXT: { NETWORK: "YES", SSH_PUBLIC_KEY: "$USER[SSH_PUBLIC_KEY]" },
    CPU: asText(CPU) ?? "1",
    ...(asText(VCPU) === undefined ? {} : { VCPU: asText(VCPU) }),
    CPU_MODEL: isMapping(CPU_MODEL) ? upperCased(CPU_MODEL) : { MODEL: "host-passthrough" },
    GRAPHICS: isMapping(GRAPHICS) ? upperCased(GRAPHICS) : { LISTEN: "0.0.0.0", TYPE: "vnc" },
    MEMORY: asText(MEMORY) ?? "1024",
    NIC: { NETWORK: "service" },
    NIC_DEFAULT: { MODEL: "virtio" },
    ...(isMapping(OS) ? { OS: upperCased(OS) } : {}),
  };
}

/** Formats a document for Ruby's YAML: texts in quotes, so that none is read as another type. */
function format(value: unknown, comment?: string): string {
  const text = stringify(value, {
    version: "1.1",
    lineWidth: 0,
    indentSeq: false,
    defaultStringType: "QUOTE_SINGLE",
    defaultKeyType: "PLAIN",
  });
  return `---\n${GENERATED_MARK}\n${comment === undefined ? "" : `# ${comment}\n`}${text}`;
}

/** Returns the content of the files by name. */
export function communityFiles(
  facts: CommunityFacts,
): Record<(typeof COMMUNITY_FILES)[number], string> {
  const entry = asMapping(facts.entry);
  const { name, tests } = facts;
  const osId = asText(entry["os-id"]) ?? "";
  const type = systemType(osId);
  const stated = (asText(entry["hypervisor"]) ?? "").toUpperCase();
  const hypervisor = ["", "ALL"].includes(stated) ? "KVM" : stated;
  const diskFormat = asText(entry["format"]) ?? "qcow2";
  const arch = asText(entry["os-arch"]) ?? "x86_64";
  const template = upperCased(entry["opennebula_template"]);
  const { prefixed, params } = parametersOf(template);
  const firstTest = `00-${name}_basic.rb`;
  const base = distributionName(osId, asText(entry["os-release"]) ?? "");
  return {
    "metadata.yaml": format({
      ":app": {
        ":name": name,
        ":type": "service",
        ":os": { ":type": type, ":base": base },
        ":hypervisor": hypervisor,
        ":context": { ":prefixed": prefixed, ":params": params },
      },
      ":one": {
        ":template": { NAME: "base", TEMPLATE: machineOf(template, arch) },
        ":datastore_name": "default",
        ":timeout": "90",
      },
      ":infra": { ":disk_format": diskFormat, ":apps_path": "/var/tmp" },
    }),
    "context.yaml": format({
      ":tests": {
        [name]: {
          ":image_name": `${name}.${diskFormat}`,
          ":type": type,
          ":microenvs": [`context-${hypervisor.toLowerCase()}`],
          ":slow": true,
          ":enable_netcfg_common": true,
          ":enable_netcfg_ip_methods": true,
        },
      },
    }),
    "tests.yaml":
      tests.length > 0
        ? format(tests)
        : format([firstTest], `Write tests/${firstTest}: lib/community/tests.md describes it.`),
  };
}
