/** Options of the qemu builder and the fields that they become. */
import { describe, expect, it } from "vitest";
import { IMAGE, convert, convertSource, refusedOf, template } from "../../../support/packer.js";

describe("a source that sets nothing", () => {
  it("has Packer's defaults, not vmbuild's", async () => {
    const { template: made, name } = await convertSource(IMAGE);
    expect(name).toBe("debian");
    expect(made["machine"]).toEqual({
      cpus: 1,
      memory: "512M",
      disk: "40G",
      accelerator: "auto",
      type: "pc",
    });
    expect(made["output"]).toEqual({
      directory: "output-debian",
      filename: "packer-debian",
      format: "qcow2",
      compression: "none",
    });
    expect(made["ssh"]).toEqual({ timeout: "5m" });
    expect(made["shutdown"]).toEqual({ timeout: "5m" });
  });
});

describe("the machine", () => {
  it.each([
    ["cpus = 4", "cpus", 4],
    ["cores = 2\n sockets = 2", "cpus", 4],
    ["memory = 2048", "memory", "2048M"],
    ["memory = 4", "memory", "512M"],
    ["disk_size = 5000", "disk", "5000M"],
    ['disk_size = "10g"', "disk", "10G"],
    ['disk_interface = "virtio-scsi"', "diskBus", "scsi"],
    ['accelerator = "none"', "accelerator", "tcg"],
    ['accelerator = "kvm"', "accelerator", "kvm"],
    ['machine_type = "q35"', "type", "q35"],
    ['cpu_model = "host"', "cpu", "host"],
    ["efi_boot = true", "firmware", "uefi"],
    ['efi_firmware_code = "/usr/share/OVMF/OVMF_CODE.fd"', "firmware", "uefi"],
    ['firmware = "/usr/share/ovmf/OVMF.fd"', "firmware", "uefi"],
    ['qemu_binary = "/usr/libexec/qemu-kvm"', "binary", "/usr/libexec/qemu-kvm"],
  ])("maps %s", async (option, field, value) => {
    const image = await convertSource(`${IMAGE}\n${option}`);
    expect(image.template["machine"]).toMatchObject({ [field]: value });
    expect(refusedOf(image)).toEqual([]);
  });

  it.each([
    [["-m", "4G"], "memory", "4G"],
    [["-m", "2048"], "memory", "2048M"],
    [["-smp", "cpus=2,cores=2"], "cpus", 2],
    [["-cpu", "host,+vmx"], "cpu", "host,+vmx"],
    [["-machine", "type=q35,accel=kvm"], "type", "q35"],
    [["-machine", "q35,accel=kvm:tcg"], "accelerator", "auto"],
    [["-bios", "/usr/share/OVMF/OVMF.fd"], "firmware", "uefi"],
    [["-drive", "if=pflash,format=raw,readonly=on,file=OVMF_CODE.fd"], "firmware", "uefi"],
    [["-device", "virtio-scsi-pci"], "diskBus", "scsi"],
  ])("reads the argument %j", async (argument, field, value) => {
    const image = await convertSource(`${IMAGE}\nqemuargs = [${JSON.stringify(argument)}]`);
    expect(image.template["machine"]).toMatchObject({ [field]: value });
    expect(image.template["machine"]).not.toHaveProperty("memory", "-m");
    expect(refusedOf(image)).toEqual([]);
  });

  it("leaves out arguments of the display and the console", async () => {
    const args = `qemuargs = [["-nographic"], ["-display", "none"], ["-serial", "mon:stdio"]]`;
    const image = await convertSource(`${IMAGE}\n${args}`);
    expect(image.template["machine"]).not.toHaveProperty("arguments");
  });

  it("passes on other arguments", async () => {
    const image = await convertSource(`${IMAGE}\nqemuargs = [["-rtc", "base=utc"]]`);
    expect(image.template["machine"]).toMatchObject({ arguments: ["-rtc", "base=utc"] });
  });

  it.each([
    ['accelerator = "hvf"', "accelerator"],
    ['disk_interface = "sd"', "disk_interface"],
    ['no_such_option = "x"', "no_such_option"],
    ['ssh_bastion_host = "jump"', "ssh_bastion_host"],
    ["use_tpm1 = true", "use_tpm1"],
    ['boot_command = ["root<enter>"]', "boot_command"],
  ])("refuses %s", async (option, name) => {
    const image = await convertSource(`${IMAGE}\n${option}`);
    expect(refusedOf(image).join()).toContain(`qemu.debian ${name}: `);
  });
});

describe("what the machine starts from", () => {
  it("takes the checksum by its length, and further addresses", async () => {
    const hex = "a".repeat(64);
    const { template: made } = await convertSource(`
      disk_image = true
      iso_urls = ["https://one/x.qcow2", "https://two/x.qcow2"]
      iso_checksum = "${hex}"
    `);
    expect(made["base"]).toEqual({
      url: "https://one/x.qcow2",
      checksum: `sha256:${hex}`,
      mirrors: ["https://two/x.qcow2"],
    });
  });

  it("uses a local image", async () => {
    const source = `disk_image = true\niso_url = "base.qcow2"\niso_checksum = "none"`;
    const { template: made } = await convertSource(source, "", { files: { "base.qcow2": "" } });
    expect(made["base"]).toEqual({ path: "base.qcow2" });
  });

  it("installs from an ISO image", async () => {
    const { template: made } = await convertSource(`
      iso_url = "https://one/x.iso"
      iso_checksum = "file:https://one/SHA256SUMS"
      http_directory = "http"
      boot_wait = "3s"
      boot_command = ["<esc>url=http://{{ .HTTPIP }}:{{ .HTTPPort }}/preseed.cfg<enter>"]
      cd_content = { "ks.cfg" = "echo $\${name} $\${x}" }
      cd_label = "OEMDRV"
      floppy_content = { "a.txt" = "b" }
      ssh_username = "root"
      ssh_password = "secret"
      ssh_timeout = "1h"
    `);
    expect(made["base"]).toEqual({
      install: {
        iso: { url: "https://one/x.iso", checksum: "file:https://one/SHA256SUMS" },
        media: [
          { label: "OEMDRV", files: { "ks.cfg": { content: "echo $$${name} ${x}" } } },
          { floppy: true, files: { "a.txt": { content: "b" } } },
        ],
        http: { folders: ["http"] },
        bootCommand: ["<esc>url=${http.url}/preseed.cfg<enter>"],
        bootWait: "3s",
        end: "ssh",
        timeout: "1h",
      },
    });
    expect(made["ssh"]).toEqual({ timeout: "1h", password: "secret" });
    expect(made["seed"]).toEqual({ kind: "none" });
  });

  it("makes an image of an installation without a login", async () => {
    const { template: made } = await convertSource(`
      iso_url = "https://one/x.iso"
      iso_checksum = "none"
      communicator = "none"
      shutdown_timeout = "2h"
    `);
    expect(made["base"]).toMatchObject({ install: { end: "poweroff", timeout: "2h" } });
    expect(made["seal"]).toBe(false);
    expect(made).not.toHaveProperty("steps");
  });
});

describe("several sources", () => {
  it("are several images, with the options of the build", async () => {
    const images = await convert(`
      source "qemu" "one" { ${IMAGE} }
      source "qemu" "two" { ${IMAGE} }
      build {
        source "qemu.one" { memory = 1024 }
        sources = ["source.qemu.two"]
        provisioner "shell" {
          only   = ["qemu.two"]
          inline = ["echo \${source.name}"]
        }
      }
    `);
    expect(images.map(({ name }) => name).toSorted()).toEqual(["one", "two"]);
    const one = images.find(({ name }) => name === "one");
    const two = images.find(({ name }) => name === "two");
    expect(one?.template["machine"]).toMatchObject({ memory: "1024M" });
    expect(one?.template).not.toHaveProperty("steps");
    expect(two?.template["steps"]).toMatchObject([{ actions: [{ run: ["echo two"] }] }]);
  });

  it("have different names where builds share a source", async () => {
    const text = template(IMAGE, 'name = "small"');
    const more = `build {\n name = "big"\n sources = ["source.qemu.debian"]\n}`;
    const images = await convert(`${text}\n${more}`);
    expect(images.map(({ name }) => name)).toEqual(["small-debian", "big-debian"]);
  });
});

describe("variables", () => {
  const VARIABLES = `
    variable "mem" {
      type    = number
      default = 2048
    }
    variable "host" { default = "example.org" }
    variable "password" {
      default   = "hidden-1"
      sensitive = true
    }
    locals { url = "https://\${var.host}/base.qcow2" }
  `;

  it("stay where a value is a variable, or a text with variables", async () => {
    const options = `
      disk_image   = true
      iso_url      = local.url
      iso_checksum = "none"
      ssh_username = "root"
      memory       = var.mem
      cpus         = var.mem / 1024
      vm_name      = upper(var.host)
    `;
    const [image] = await convert(template(options, "", VARIABLES));
    expect(image?.template["base"]).toEqual({
      url: "https://${var.host}/base.qcow2",
      checksum: "none",
    });
    expect(image?.template["machine"]).toMatchObject({ memory: "${var.mem}M", cpus: 2 });
    expect(image?.template["output"]).toMatchObject({ filename: "EXAMPLE.ORG" });
    expect(image?.template["variables"]).toEqual({
      mem: { type: "number", default: 2048 },
      host: { type: "string", default: "example.org" },
    });
    const evaluated = image?.report.find(({ subject }) => subject === "qemu.debian vm_name");
    expect(evaluated?.text).toContain("evaluated");
  });

  it("stay sensitive, also in texts that are computed", async () => {
    const build = `
      provisioner "shell" {
        inline = ["echo \${var.password}", "echo \${base64encode(var.password)}"]
      }`;
    const [image] = await convert(template(IMAGE, build, VARIABLES));
    const text = JSON.stringify(image?.template["steps"]);
    expect(text).not.toContain("hidden-1");
    expect(text).toContain("echo ${var.password}");
    expect(image?.template["variables"]).toMatchObject({
      password: { sensitive: true },
      secret_inline: { sensitive: true, default: "echo aGlkZGVuLTE=" },
    });
  });
});
