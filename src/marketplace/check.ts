/**
 * Checks a marketplace entry against what OpenNebula does with it: the server that loads all
 * entries (OpenNebula/appmarket-simple), and OpenNebula's own marketplace driver
 * (src/market_mad/remotes/one/monitor of OpenNebula/one). An error is what breaks one of them, or
 * the appliance; everything else is a warning.
 */
import { checkDates } from "./document.js";
import type { EntryDocument } from "./document.js";
import { DEFAULT_TYPE, ENTRY_TYPES } from "./entry-types.js";
import { Findings, isMapping, typeOf } from "./findings.js";
import type { Finding } from "./findings.js";

/** Keys that the server reads, and one that authors use. */
const KEYS = [
  ...["id", "_id", "name", "version", "publisher", "publisher_email", "description"],
  ...["short_description", "tags", "format", "creation_time", "modification_time"],
  ...["opennebula_template", "opennebula_version", "one-apps_version", "os-id", "os-release"],
  ...["os-arch", "hypervisor", "logo", "type", "roles", "disks", "images"],
];
/** Keys of an entry that a reader of the marketplace misses. */
const EXPECTED = [
  ...["version", "publisher", "description", "short_description", "tags", "creation_time"],
  ...["os-id", "os-arch", "logo"],
];
/** Keys whose values the server turns into texts. */
const TEXTS = [
  ...["version", "publisher", "publisher_email", "description", "short_description", "format"],
  ...["one-apps_version", "os-id", "os-release", "os-arch", "hypervisor", "logo"],
];
const ARCHITECTURES = ["x86_64", "amd64", "aarch64", "arm64", "ppc64le", "all"];
const HYPERVISORS = ["kvm", "lxc", "vcenter", "qemu", "firecracker", "all"];
/** Characters that OpenNebula refuses in names (src/pool/PoolObjectSQL.cc), and its limit. */
const NAME_CHARACTERS = /[&|:\\";/'#{}$<>\t\n\v\f\r]/;
const NAME_LENGTH = 128;

type Entry = Readonly<Record<string, unknown>>;

function checkName(document: EntryDocument, findings: Findings): void {
  const name = document.textAt(["name"]);
  const character = NAME_CHARACTERS.exec(name ?? "")?.[0];
  if (name === undefined || name === "") findings.error(["name"], "is missing");
  else if (name.length > NAME_LENGTH) {
    findings.error(["name"], `has ${name.length} characters; OpenNebula accepts ${NAME_LENGTH}`);
  } else if (character !== undefined) {
    const message = `contains ${JSON.stringify(character)}, which OpenNebula does not accept in names`;
    findings.error(["name"], message);
  }
}

/** Checks the releases of OpenNebula that are offered the appliance: 6.10, 7.0. */
function checkReleases(document: EntryDocument, findings: Findings): void {
  const path = ["opennebula_version"];
  const text = document.textAt(path);
  const lost = document.lostDigits(path);
  if (text === undefined || text === "") {
    findings.error(path, "is missing, which stops the marketplace's server");
    return;
  }
  if (lost !== undefined && /^\d+\.\d+$/.test(lost)) {
    findings.error(path, `is read as the number ${text}, not as ${lost}: put it in quotes`);
    return;
  }
  const releases = text.split(",").map((release) => release.trim());
  const wrong = releases.filter((release) => !/^\d+\.\d+$/.test(release));
  if (wrong.length === releases.length) {
    findings.error(path, `is ${text}: no release has that number; write for example "6.10, 7.0"`);
  } else if (wrong.length > 0) {
    findings.warn(path, `contains ${wrong.map((one) => one || "an empty entry").join(", ")}`);
  }
}

function checkTexts(document: EntryDocument, entry: Entry, findings: Findings): void {
  for (const key of TEXTS) {
    const value = entry[key];
    if (value === undefined || value === null || value instanceof Date) continue;
    const lost = document.lostDigits([key]);
    if (document.textAt([key]) === undefined) {
      findings.warn([key], `is ${typeOf(value)}, where a text is expected`);
    } else if (lost !== undefined) {
      findings.warn(
        [key],
        `is read as ${document.textAt([key])}, not as ${lost}: put it in quotes`,
      );
    }
  }
  for (const key of EXPECTED) {
    const value = entry[key];
    const isEmpty = value === undefined || value === null || value === "";
    if (isEmpty) findings.warn([key], "is missing");
    else if (Array.isArray(value) && value.length === 0) findings.warn([key], "is empty");
  }
}

function checkChoices(document: EntryDocument, findings: Findings): void {
  const arch = document.textAt(["os-arch"]) ?? "";
  if (arch !== "" && !ARCHITECTURES.includes(arch)) {
    findings.warn(["os-arch"], `is ${arch}, not one of ${ARCHITECTURES.join(", ")}`);
  }
  const hypervisor = document.textAt(["hypervisor"]) ?? "";
  if (hypervisor !== "" && !HYPERVISORS.includes(hypervisor.toLowerCase())) {
    findings.warn(["hypervisor"], `is ${hypervisor}; hosts have KVM, LXC, … or ALL of them`);
  } else if (hypervisor.toLowerCase() === "all" && hypervisor !== "ALL") {
    const message = `is ${hypervisor}, which OpenNebula takes for a hypervisor of that name: write ALL`;
    findings.warn(["hypervisor"], message);
  }
}

function checkTime(document: EntryDocument, entry: Entry, findings: Findings): void {
  const time = entry["creation_time"];
  if (time === undefined || time === null || time instanceof Date) return;
  if (typeof time === "object" || typeof time === "boolean") {
    findings.error(["creation_time"], `must be a time in seconds since 1970, not ${typeOf(time)}`);
  } else if (!/^\d+$/.test(document.textAt(["creation_time"]) ?? "")) {
    findings.warn(["creation_time"], "is not a time in whole seconds since 1970");
  }
}

function checkIdentifier(entry: Entry, findings: Findings): void {
  // The server takes the file's name where there is no `id`.
  if (Object.hasOwn(entry, "id") && (entry["id"] === null || entry["id"] === "")) {
    findings.error(["id"], "is empty: give the entry's UUID, or leave id out");
  }
  for (const key of Object.keys(entry)) {
    if (!KEYS.includes(key)) findings.warn([key], "is an unknown key, which is ignored");
  }
}

/** Returns the problems of an entry, in the order of their places in the file. */
export function checkEntry(document: EntryDocument): readonly Finding[] {
  if (document.syntax.length > 0) return document.syntax;
  const findings = new Findings();
  const entry = document.value;
  if (!isMapping(entry)) {
    findings.error([], `must be a mapping, not ${typeOf(entry)}`);
    return findings.all;
  }
  checkDates(entry, findings);
  checkName(document, findings);
  checkReleases(document, findings);
  checkTexts(document, entry, findings);
  checkChoices(document, findings);
  checkTime(document, entry, findings);
  checkIdentifier(entry, findings);
  const type = typeNameOf(document);
  const known = ENTRY_TYPES.get(type);
  if (known) known.check(document, entry, findings);
  else {
    const names = [...ENTRY_TYPES.keys()].join(", ");
    findings.error(["type"], `is ${type}, which OpenNebula does not offer; it knows ${names}`);
  }
  return findings.all;
}

/** Returns the name of the entry's type. */
export function typeNameOf(document: EntryDocument): string {
  const text = document.textAt(["type"]);
  return text === undefined || text === "" ? DEFAULT_TYPE : text;
}
