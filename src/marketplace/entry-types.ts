/** Registry of the types of marketplace entries (`type` in an entry; an image without it). */
import type { EntryDocument } from "./document.js";
import type { Findings } from "./findings.js";
import { checkImages } from "./image-files.js";
import { checkService } from "./service.js";
import { checkVmTemplate } from "./vm-template.js";

type Entry = Readonly<Record<string, unknown>>;

/** Type of an entry. */
export interface EntryType {
  /** Whether the entry describes an image of its own, whose values are filled in. */
  readonly hasImage: boolean;
  /** Checks what only this type has. */
  check(document: EntryDocument, entry: Entry, findings: Findings): void;
}

/** Type of an entry that states none. */
export const DEFAULT_TYPE = "IMAGE";

function warnOfImages({ images }: Entry, findings: Findings): void {
  if (!Array.isArray(images) || images.length === 0) return;
  findings.warn(["images"], "is ignored: an entry of this type has no image of its own");
}

function checkDisks({ disks }: Entry, findings: Findings): void {
  if (disks === undefined || disks === null) {
    findings.warn(["disks"], "is missing: the machine has no disk");
  } else if (!Array.isArray(disks)) {
    findings.error(["disks"], "must be a list of names of appliances");
  } else {
    for (const [index, name] of disks.entries()) {
      if (typeof name === "string" && name.trim() !== "") continue;
      findings.error(["disks", index], "must be the name of an appliance");
    }
  }
}

/** All types by name, as OpenNebula's marketplace driver knows them. */
export const ENTRY_TYPES: ReadonlyMap<string, EntryType> = new Map<string, EntryType>([
  [
    DEFAULT_TYPE,
    {
      hasImage: true,
      check(document, entry, findings) {
        checkImages(document, entry["images"], findings);
        const template = entry["opennebula_template"];
        if (template !== undefined && template !== null) checkVmTemplate(template, findings);
      },
    },
  ],
  [
    "VMTEMPLATE",
    {
      hasImage: false,
      check(_document, entry, findings) {
        warnOfImages(entry, findings);
        checkDisks(entry, findings);
        checkVmTemplate(entry["opennebula_template"], findings);
      },
    },
  ],
  [
    "SERVICE_TEMPLATE",
    {
      hasImage: false,
      check(_document, entry, findings) {
        warnOfImages(entry, findings);
        checkService(entry, findings);
      },
    },
  ],
]);
