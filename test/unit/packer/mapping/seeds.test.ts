/** Seeds, by whatever means a template gives them. */
import { describe, expect, it } from "vitest";
import { IMAGE, convertAfter, convertSource, refusedOf } from "../../../support/packer.js";

const LOGIN = `${IMAGE}\nssh_password = "x"`;
const FILES = { "seed/user-data": "#cloud-config\n", "seed/network-config": "version: 2\n" };

describe("a NoCloud seed", () => {
  it.each([
    ['cd_files = ["seed/user-data", "seed/network-config"]', {}],
    ['cd_files = ["./seed/*"]', {}],
    ['cd_files = ["seed/"]', {}],
  ])("from a CD with %s", async (option) => {
    const image = await convertSource(`${LOGIN}\n${option}\ncd_label = "cidata"`, "", {
      files: FILES,
    });
    expect(image.template["seed"]).toEqual({
      userData: "seed/user-data",
      networkConfig: "seed/network-config",
    });
    expect(image.template["ssh"]).not.toHaveProperty("password");
    expect(refusedOf(image)).toEqual([]);
  });

  it("from the content of a CD", async () => {
    const source = `${LOGIN}\ncd_label = "CIDATA"\ncd_content = { "user-data" = "#cloud-config\\n$\${x}", "meta-data" = "" }`;
    const { template: made } = await convertSource(source);
    expect(made["seed"]).toEqual({ userData: { content: "#cloud-config\n$${x}" } });
  });

  it("from the HTTP server", async () => {
    const source = `${LOGIN}
      http_directory = "seed"
      qemuargs = [["-smbios", "type=1,serial=ds=nocloud-net;s=http://{{ .HTTPIP }}:{{ .HTTPPort }}/"]]`;
    const image = await convertSource(source, "", { files: FILES });
    expect(image.template["seed"]).toEqual({
      userData: "seed/user-data",
      networkConfig: "seed/network-config",
    });
    expect(refusedOf(image)).toEqual([]);
  });

  it.each([
    "cloud-localds -v --network-config=seed/network-config seed.iso seed/user-data",
    "cloud-localds seed.iso seed/user-data -N seed/network-config",
    "genisoimage -output seed.iso -volid cidata -joliet -rock seed/user-data seed/network-config",
    "cd seed && mkisofs -o ../seed.iso -V cidata -J -R user-data network-config",
    "xorriso -as genisoimage -o seed.iso -V CIDATA seed",
  ])("made by a null build with %s", async (command) => {
    const options = `${LOGIN}\nqemuargs = [["-cdrom", "seed.iso"]]`;
    const image = await convertAfter([command], options, { files: FILES });
    expect(image.template["seed"]).toEqual({
      userData: "seed/user-data",
      networkConfig: "seed/network-config",
    });
    expect(refusedOf(image)).toEqual([]);
  });
});

describe("other seeds", () => {
  it("recognizes a CONTEXT disk", async () => {
    const commands = [
      "mkdir -p in/context",
      "in/gen_context > in/context/context.sh",
      "mkisofs -o in/debian-context.iso -V CONTEXT -J -R in/context",
    ];
    const options = `${LOGIN}\nqemuargs = [["-cdrom", "in/debian-context.iso"]]`;
    const image = await convertAfter(commands, options);
    expect(image.template["seed"]).toEqual({ kind: "opennebula" });
    expect(refusedOf(image)).toEqual([]);
  });

  it("recognizes Ignition", async () => {
    const args = 'qemuargs = [["-fw_cfg", "name=opt/com.coreos/config,file=x.ign"]]';
    const { template: made } = await convertSource(`${LOGIN}\n${args}`);
    expect(made["seed"]).toEqual({ kind: "ignition", config: "x.ign" });
  });

  it("enters a base by its password where the template gives no seed", async () => {
    const { template: made } = await convertSource(LOGIN);
    expect(made["seed"]).toEqual({ kind: "none" });
    expect(made["ssh"]).toMatchObject({ password: "x" });
  });

  it("takes the user-data beside an image that something else makes, and says so", async () => {
    const args = 'qemuargs = [["-drive", "file=out/seeds-cloudimg.iso,format=raw,if=virtio"]]';
    const image = await convertSource(`${LOGIN}\n${args}`, "", {
      files: { "user-data-cloudimg": "#cloud-config\n" },
    });
    expect(image.template["seed"]).toEqual({ userData: "user-data-cloudimg" });
    expect(image.report.map(({ text }) => text).join()).toContain(
      "check that it is what the image",
    );
    expect(refusedOf(image)).toEqual([]);
  });

  it("attaches a CD that nothing in the template makes, as a disk", async () => {
    const image = await convertSource(`${LOGIN}\nqemuargs = [["-cdrom", "drivers.iso"]]`);
    expect(image.template["machine"]).toMatchObject({
      disks: [{ name: "cd1", from: "drivers.iso" }],
    });
    expect(image.template["seed"]).toEqual({ kind: "none" });
    expect(refusedOf(image)).toEqual([]);
    expect(image.report.map(({ text }) => text).join()).toContain("drivers.iso is a disk");
  });

  it("refuses such a CD where nothing but a seed lets the build in", async () => {
    const image = await convertSource(`${IMAGE}\nqemuargs = [["-cdrom", "drivers.iso"]]`);
    expect(refusedOf(image).join()).toContain("drivers.iso is a CD");
  });

  it("refuses commands of a null build that do something else", async () => {
    const image = await convertAfter(["curl -O https://example.org/x"], IMAGE);
    expect(refusedOf(image).join()).toContain("run before the machine");
  });
});
