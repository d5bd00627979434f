/** The files beside an entry in the community's repository. */
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { communityFiles, distributionName } from "../../../src/marketplace/community.js";
import { ENTRY } from "../../support/marketplace.js";

const facts = { name: "small", entry: parse(ENTRY) as unknown, tests: ["00-small_basic.rb"] };

describe("communityFiles", () => {
  it("describes the appliance as lib/community/app_handler.rb reads it", () => {
    const files = communityFiles(facts);
    expect(parse(files["metadata.yaml"])).toEqual({
      ":app": {
        ":name": "small",
        ":type": "service",
        ":os": { ":type": "linux", ":base": "ubuntu2404" },
        ":hypervisor": "KVM",
        ":context": {
          ":prefixed": true,
          ":params": { ":COPILOT_PASSWORD": "", ":COPILOT_THREADS": "0" },
        },
      },
      ":one": {
        ":template": {
          NAME: "base",
          TEMPLATE: {
            ARCH: "x86_64",
            CONTEXT: { NETWORK: "YES", SSH_PUBLIC_KEY: "$USER[SSH_PUBLIC_KEY]" },
            CPU: "4",
            VCPU: "4",
            CPU_MODEL: { MODEL: "host-passthrough" },
            GRAPHICS: { LISTEN: "0.0.0.0", TYPE: "vnc" },
            MEMORY: "16384",
            NIC: { NETWORK: "service" },
            NIC_DEFAULT: { MODEL: "virtio" },
          },
        },
        ":datastore_name": "default",
        ":timeout": "90",
      },
      ":infra": { ":disk_format": "qcow2", ":apps_path": "/var/tmp" },
    });
    expect(parse(files["context.yaml"])).toEqual({
      ":tests": {
        small: {
          ":image_name": "small.qcow2",
          ":type": "linux",
          ":microenvs": ["context-kvm"],
          ":slow": true,
          ":enable_netcfg_common": true,
          ":enable_netcfg_ip_methods": true,
        },
      },
    });
    expect(parse(files["tests.yaml"])).toEqual(["00-small_basic.rb"]);
  });

  it("quotes texts that YAML reads as another type", () => {
    const { "metadata.yaml": text } = communityFiles(facts);
    expect(text).toContain("    :timeout: '90'".trim());
    expect(text).toContain(":COPILOT_THREADS: '0'");
    expect(text.startsWith("---\n")).toBe(true);
  });

  it("keeps the names of inputs that have no common prefix", () => {
    const entry = parse(ENTRY.replaceAll("oneapp_copilot_threads:", "threads:")) as unknown;
    const metadata = parse(communityFiles({ ...facts, entry })["metadata.yaml"]) as unknown;
    expect(metadata).toMatchObject({
      ":app": {
        ":context": {
          ":prefixed": false,
          ":params": { ":ONEAPP_COPILOT_PASSWORD": "", ":THREADS": "0" },
        },
      },
    });
  });

  it("says which test has to be written", () => {
    const { "tests.yaml": text } = communityFiles({ ...facts, tests: [] });
    expect(text).toContain("# Write tests/00-small_basic.rb");
    expect(parse(text)).toEqual(["00-small_basic.rb"]);
  });
});

describe("distributionName", () => {
  it.each([
    ["Ubuntu", "22.04 LTS", "ubuntu2204"],
    ["Debian GNU/Linux", "12.13", "debian12"],
    ["AlmaLinux", "10.1", "alma10"],
    ["Rocky Linux", "8", "rocky8"],
    ["Oracle Linux Server", "9.5", "ol9"],
    ["openSUSE", "15.6", "opensuse15"],
    ["Alpine Linux", "3.20", "alpine320"],
    ["NixOS", "25.05", "nixos25"],
    ["Windows", "", "windows"],
  ])("names %s %s %s", (id, release, name) => {
    expect(distributionName(id, release)).toBe(name);
  });
});
