/** Keys that a template types to the system in a disk image. */
import { describe, expect, it } from "vitest";
import { IMAGE, convertSource, refusedOf } from "../../../support/packer.js";

const LOGIN = `${IMAGE}
  ssh_password = "x"
  ssh_timeout = "20m"
  boot_wait = "30s"
`;
const TYPED = `${LOGIN}\nboot_command = ["root<enter>", "passwd -d root<enter>"]`;
const SOURCE = { url: "https://example.org/base.qcow2", checksum: "none" };

describe("keys typed to the system in a disk image", () => {
  it("create a base, which the build enters by its password", async () => {
    const image = await convertSource(`${TYPED}\nboot_key_interval = "20ms"`);
    expect(image.template["base"]).toEqual({
      install: {
        image: SOURCE,
        bootCommand: ["root<enter>", "passwd -d root<enter>"],
        bootWait: "30s",
        keyInterval: "20ms",
        end: "ssh",
        timeout: "20m",
      },
    });
    expect(image.template["seed"]).toEqual({ kind: "none" });
    expect(image.template["ssh"]).toMatchObject({ password: "x" });
    expect(refusedOf(image)).toEqual([]);
    expect(image.report.map(({ text }) => text).join()).toContain("typed once");
  });

  it("have the CD and the HTTP server of the template", async () => {
    const image = await convertSource(
      `${TYPED}
      cd_files = ["seed/*"]
      cd_label = "cidata"
      http_directory = "http"`,
      "",
      { files: { "seed/user-data": "#cloud-config\n", "seed/meta-data": "" } },
    );
    expect(image.template["base"]).toMatchObject({
      install: {
        media: [
          {
            label: "cidata",
            files: { "meta-data": "seed/meta-data", "user-data": "seed/user-data" },
          },
        ],
        http: { folders: ["http"] },
      },
    });
    expect(image.template["seed"]).toEqual({ kind: "none" });
    expect(refusedOf(image)).toEqual([]);
  });

  it("have the seed that other options give, as a CD", async () => {
    const image = await convertSource(
      `${TYPED}
      http_content = { "/user-data" = "#cloud-config\\n$\${x}" }
      qemuargs = [["-smbios", "type=1,serial=ds=nocloud-net;s=http://{{ .HTTPIP }}:{{ .HTTPPort }}/"]]`,
    );
    expect(image.template["base"]).toMatchObject({
      install: {
        media: [
          {
            label: "cidata",
            files: {
              // Filled in once with the template, and left as it is on the CD.
              "user-data": { content: "#cloud-config\n$${x}" },
              "meta-data": { content: "instance-id: packer\n" },
            },
          },
        ],
      },
    });
    expect(refusedOf(image)).toEqual([]);
  });

  it("have a CD that something else makes", async () => {
    const image = await convertSource(`${TYPED}\nqemuargs = [["-cdrom", "drivers.iso"]]`);
    expect(image.template["base"]).toMatchObject({
      install: { image: SOURCE, iso: { path: "drivers.iso" } },
    });
    expect(refusedOf(image)).toEqual([]);
  });

  it("are refused for a guest whose seed is not made of files", async () => {
    const image = await convertSource(
      `${TYPED}\nqemuargs = [["-fw_cfg", "name=opt/com.coreos/config,file=x.ign"]]`,
    );
    expect(refusedOf(image).join()).toContain("a seed of the kind ignition");
  });

  it("are left out where they only confirm a menu", async () => {
    const image = await convertSource(
      `${LOGIN}
      boot_command = ["<enter><wait10s>", "<wait><return>"]
      qemuargs = [["-cdrom", "cloud-init.img"]]`,
      "",
      { files: { "user-data": "#cloud-config\n" } },
    );
    expect(image.template["base"]).toEqual(SOURCE);
    expect(image.template["seed"]).toEqual({ userData: "user-data" });
    expect(refusedOf(image)).toEqual([]);
  });
});
