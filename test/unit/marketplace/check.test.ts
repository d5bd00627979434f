/** What breaks an entry in OpenNebula, and what it accepts. */
import { describe, expect, it } from "vitest";
import { checkEntry } from "../../../src/marketplace/check.js";
import { EntryDocument } from "../../../src/marketplace/document.js";
import { ENTRY, ISO_ENTRY, SERVICE_ENTRY, VM_TEMPLATE_ENTRY } from "../../support/marketplace.js";

const IMAGE_ENTRY = ENTRY.replace("https://PUBLISH_URL/", "https://x.org/")
  .replace("'PLACEHOLDER'", `'${"1".repeat(32)}'`)
  .replace("'PLACEHOLDER'", `'${"2".repeat(64)}'`);

/** Returns the lines of one level. */
function findings(text: string, level: "error" | "warning"): string[] {
  const document = new EntryDocument("e.yaml", text);
  return checkEntry(document)
    .filter((one) => one.level === level)
    .map((one) => document.format(one));
}

function replaced(text: string, from: string, to: string): string {
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  return changed;
}

describe("checkEntry", () => {
  it.each([IMAGE_ENTRY, ISO_ENTRY, VM_TEMPLATE_ENTRY, SERVICE_ENTRY])(
    "accepts an entry of each type: %#",
    (text) => {
      expect(findings(text, "error")).toEqual([]);
    },
  );

  it.each([
    ["hypervisor: KVM", "hypervisor: ALL", ""],
    ["hypervisor: KVM", "hypervisor: kvm", ""],
    ["hypervisor: KVM", "hypervisor: all", "hypervisor: is all, which OpenNebula takes for"],
    ["os-release: '24.04'", "os-release: 24.04", ""],
    ["os-release: '24.04'", "os-release: 24.10", "os-release: is read as 24.1, not as 24.10"],
    ["version: 0.0.0 #", "version: 1.0 #", ""],
    ['"6.10, 7.0"', "7.0", ""],
    ["    network: 'YES'", "    NETWORK: 'YES'", ""],
    ["    network: 'YES'", "    network: 'YES'\n    NETWORK: 'NO'", "NETWORK: replaces network"],
    ["logo: small.png\n", "", "logo: is missing"],
    ["publisher: Somebody\n", "", "publisher: is missing"],
    ["logo: small.png", "lgo: small.png", "lgo: is an unknown key"],
    ["tags:\n- llm # first\n- 'service'", "tags: []", "tags: is empty"],
    ["tags:\n- llm # first\n- 'service'", "tags: llm, service", ""],
    ["'O|number|Threads| |0'", "'0|number|Threads| |0'", "begins with 0, not with M"],
    ["'O|number|Threads| |0'", "'O|int|Threads| |0'", "has the type int"],
    ["'O|number|Threads| |0'", "'O|password|Threads'", ""],
    ["PASSWORD,ONEAPP", "PASSWORD, ONEAPP", ""],
    ["PASSWORD,ONEAPP", "PASSWORD,ONEAPP_X,ONEAPP", "names ONEAPP_X, which is not among"],
    [",ONEAPP_COPILOT_THREADS", "", "does not name ONEAPP_COPILOT_THREADS"],
    ["format: qcow2\n", "", ""],
    ["format: qcow2", "format: qcow", ""],
    ["  driver: qcow2", "  driver: raw", "images[0].driver: is raw, while format is qcow2"],
    ["  dev_prefix: vd", "  dev_prefix: sata", "images[0].dev_prefix: is sata"],
    ["2".repeat(64), "2".repeat(63), "images[0].checksum.sha256: is not a valid sha256"],
    ["os-arch: x86_64", "os-arch: all", ""],
    ["os-arch: x86_64\n", "", "os-arch: is missing"],
  ])("accepts %j as %j, with the warning %j", (from, to, words) => {
    const text = replaced(IMAGE_ENTRY, from, to);
    expect(findings(text, "error")).toEqual([]);
    const warnings = findings(text, "warning").join("\n");
    expect(warnings).toContain(words);
    expect(warnings === "").toBe(words === "");
  });

  it.each([
    ["name: Small Copilot\n", "", ":3:1: name: is missing"],
    ["name: Small Copilot", "name: 'Small: Copilot'", ':3:7: name: contains ":", which OpenNebula'],
    ['opennebula_version: "6.10, 7.0"\n', "", "opennebula_version: is missing"],
    ['"6.10, 7.0"', "6.10", "opennebula_version: is read as the number 6.1, not as 6.10"],
    ['"6.10, 7.0"', "7", "opennebula_version: is 7: no release has that number"],
    ["  cpu: '4'", "  cpu: 4", "opennebula_template.cpu: must be a string"],
    ["  cpu: '4'", "  cpu: four", 'opennebula_template.cpu: is "four", not a number'],
    ["  memory: '16384'\n", "", "opennebula_template.memory: is missing"],
    [
      "    network: 'YES'",
      "    network: YES",
      "opennebula_template.context.network: must be a str",
    ],
    ["    network: 'YES'", "    network: 'say \"x\"'", "network: contains a quotation mark"],
    ["    network: 'YES'", "    a-b: 'x'", "a-b: is not a name of letters"],
    ["  cpu: '4'", "  cpu: '4'\n  disk: [x]", "opennebula_template.disk[0]: must be a mapping"],
    ["format: qcow2", "type: image", "type: is image, which OpenNebula does not offer"],
    ["creation_time: 0", "creation_time: [1]", "creation_time: must be a time"],
    ["creation_time: 0", "creation_time: 2026-01-02", "creation_time: is read as a date"],
    ["name: Small Copilot", "id:\nname: Small", "id: is empty"],
    ["  size: 1\n", "", "images[0].size: is missing"],
    ["  size: 1", "  size: 0", "images[0].size: is not a whole number"],
    ["  driver: qcow2", "  driver: 2", "images[0].driver: must be a string"],
    ["  type: OS", "  type: DISK", "images[0].type: is DISK, not one of OS"],
    ["1".repeat(32), "1".repeat(31), "images[0].checksum.md5: is not a valid md5"],
    ["1".repeat(32), "A".repeat(32), "images[0].checksum.md5: is not a valid md5"],
    [`'${"1".repeat(32)}'`, "1".repeat(32), "images[0].checksum.md5: must be a string"],
    ["https://x.org/small.qcow2", "x.org/small.qcow2", "images[0].url: is not an http(s) URL"],
    ["graphics: {", "graphics: &g {", "alias"],
  ])("refuses %j as %j, and says where", (from, to, words) => {
    let text = replaced(IMAGE_ENTRY, from, to);
    if (words === "alias") text = text.replace("  inputs_order", "  other: *g\n  inputs_order");
    const errors = findings(text, "error");
    expect(errors.join("\n")).toContain(words);
    for (const line of errors) expect(line).toMatch(/^e\.yaml:\d+:\d+: /);
  });

  it.each([
    [
      VM_TEMPLATE_ENTRY,
      "disks:\n- Empty disk\n- Some Drivers - v0.1",
      "disks: Empty disk",
      "disks: must be a list",
    ],
    [VM_TEMPLATE_ENTRY, "- Empty disk", "- 5", "disks[0]: must be the name of an appliance"],
    [VM_TEMPLATE_ENTRY, "opennebula_template:", "other:", "opennebula_template: must be a mapping"],
    [
      SERVICE_ENTRY,
      "  worker: Small Worker\n",
      "",
      "roles[1].name: is worker, for which roles names",
    ],
    [SERVICE_ENTRY, "roles:\n  master", "rolls:\n  master", "roles: must be a mapping"],
    [SERVICE_ENTRY, "opennebula_template:", "other:", "opennebula_template: is missing"],
  ])("refuses what breaks a template or a service: %#", (entry, from, to, words) => {
    expect(findings(replaced(entry, from, to), "error").join("\n")).toContain(words);
  });

  it("reads a service's template from JSON, as older entries have it", () => {
    const json = '{"name": "s", "roles": [{"name": "master"}, {"name": "worker"}]}';
    const old = SERVICE_ENTRY.replace(/opennebula_template:[^]*$/, "");
    expect(findings(`${old}opennebula_template: '${json}'\n`, "error")).toEqual([]);
    const wrong = findings(`${old}opennebula_template: '{"name": '\n`, "error");
    expect(wrong.join("\n")).toContain("is neither a mapping nor valid JSON");
  });
});
