/** Options of the qemu builder and the fields that they become. */
import { describe, expect, it } from "vitest";
import { templateSchema } from "../../../../src/template/schema.js";
import {
  IMAGE,
  convert,
  convertAfter,
  convertSource,
  refusedOf,
  template,
} from "../../../support/packer.js";

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
    ['qemu_binary = "qemu-system-aarch64"', "arch", "aarch64"],
    ['qemu_binary = "/opt/qemu/bin/qemu-system-riscv64"', "arch", "riscv64"],
    ['qemu_binary = "/opt/qemu-system-x86_64"', "binary", "/opt/qemu-system-x86_64"],
    ["skip_resize_disk = true", "skipResize", true],
    ["vtpm = true", "tpm", true],
    ['net_device = "e1000"', "networks", [{ model: "e1000" }]],
    ['net_bridge = "br0"', "networks", [{}, { kind: "bridge", bridge: "br0" }]],
    [
      'net_bridge = "br0"\n net_device = "e1000e"',
      "networks",
      [{ model: "e1000e" }, { kind: "bridge", bridge: "br0", model: "e1000e" }],
    ],
    [
      'efi_firmware_code = "fw/CODE.fd"\n efi_firmware_vars = "fw/VARS.fd"',
      "firmware",
      { code: "fw/CODE.fd", variables: "fw/VARS.fd" },
    ],
    [
      'efi_boot = true\n efi_firmware_vars = "VARS.fd"',
      "firmware",
      { code: "/usr/share/OVMF/OVMF_CODE.fd", variables: "VARS.fd" },
    ],
    [
      'machine_type = "q35"\n efi_firmware_vars = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"',
      "secureBoot",
      true,
    ],
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
    [["-device", "e1000,netdev=user.0"], "networks", [{ model: "e1000" }]],
    [["-device", "tpm-tis,tpmdev=tpm0"], "tpm", true],
    [["-hdb", "extra.qcow2"], "disks", [{ name: "image1", from: "extra.qcow2" }]],
    [
      ["-drive", "file=extra.img,if=ide,format=raw"],
      "disks",
      [{ name: "image1", from: "extra.img", bus: "sata" }],
    ],
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
    ['accelerator = "xen"', "accelerator"],
    ['disk_interface = "sd"', "disk_interface"],
    ['no_such_option = "x"', "no_such_option"],
    ['ssh_bastion_host = "jump"', "ssh_bastion_host"],
    ["use_tpm1 = true", "use_tpm1"],
    ['qemu_binary = "qemu-system-s390x"', "qemu_binary"],
    ['machine_type = "pseries,accel=kvm,kvm-type=HV"', "machine_type"],
    ['net_device = "ne2k_pci"', "net_device"],
    ['qemuargs = [["-device", "ne2k_pci,netdev=user.0"]]', "qemuargs"],
  ])("refuses %s", async (option, name) => {
    const image = await convertSource(`${IMAGE}\n${option}`);
    expect(refusedOf(image).join()).toContain(`qemu.debian ${name}: `);
  });
});

it("leaves the choice of the accelerator to vmbuild where the template is for another host", async () => {
  const image = await convertSource(`${IMAGE}\naccelerator = "hvf"`);
  expect(image.template["machine"]).toMatchObject({ accelerator: "auto" });
  expect(refusedOf(image)).toEqual([]);
  expect(image.report.map(({ text }) => text).join()).toContain("Linux does not have hvf");
});

describe("the devices of the machine", () => {
  const machineOf = async (options: string) =>
    (await convertSource(`${IMAGE}\n${options}`)).template["machine"];

  it("are published disks for additional sizes, beside the image", async () => {
    const sizes = 'disk_additional_size = ["10G", "512"]';
    expect(
      await machineOf(`${sizes}\n vm_name = "web"\n disk_interface = "virtio-scsi"`),
    ).toMatchObject({
      disks: [
        {
          ...{ name: "disk1", size: "10G", bus: "scsi" },
          publish: { filename: "web-1", format: "qcow2", compression: "none" },
        },
        { name: "disk2", size: "512M", publish: { filename: "web-2" } },
      ],
    });
    expect(await machineOf(`${sizes}\n format = "raw"`)).toMatchObject({
      disks: [{ publish: { filename: "packer-debian-1", format: "raw" } }, {}],
    });
  });

  it("do not include the build's own disk, which Packer's arguments repeat", async () => {
    const own = '["-drive", "file=output-debian/{{ .Name }},if=virtio"]';
    const more = '["-drive", "file=more.qcow2,if=virtio"]';
    expect(await machineOf(`qemuargs = [${own}]`)).not.toHaveProperty("disks");
    expect(await machineOf(`qemuargs = [${own}, ${more}]`)).toMatchObject({
      disks: [{ name: "image1", from: "more.qcow2" }],
    });
  });

  it("are valid in vmbuild's template", async () => {
    const { template: made } = await convertSource(`${IMAGE}
      machine_type         = "q35"
      efi_firmware_code    = "fw/CODE.secboot.fd"
      efi_firmware_vars    = "fw/VARS.ms.fd"
      vtpm                 = true
      net_device           = "rtl8139"
      net_bridge           = "br0"
      disk_interface       = "sata"
      disk_additional_size = ["1G"]
      skip_resize_disk     = true
      qemuargs             = [["-drive", "file=more.qcow2,if=virtio"]]
    `);
    expect(templateSchema.parse(made).machine).toMatchObject({
      ...{ secureBoot: true, tpm: true, skipResize: true },
      firmware: { code: "fw/CODE.secboot.fd", variables: "fw/VARS.ms.fd" },
      networks: [{ kind: "user", model: "rtl8139" }, { kind: "bridge" }],
      disks: [{ name: "disk1", bus: "sata" }, { name: "image1" }],
    });
  });

  it("are those of the architecture of QEMU's program", async () => {
    const machine = await machineOf('qemu_binary = "qemu-system-aarch64"\n efi_boot = true');
    expect(machine).toMatchObject({ arch: "aarch64", firmware: "uefi" });
    expect(machine).not.toHaveProperty("type");
    expect(machine).not.toHaveProperty("binary");
  });

  it("have the host's UEFI where no variables belong to the code, which the report says", async () => {
    const image = await convertSource(`${IMAGE}\n efi_firmware_code = "fw/CODE.fd"`);
    expect(image.template["machine"]).toMatchObject({ firmware: "uefi" });
    expect(image.template["machine"]).not.toHaveProperty("secureBoot");
    const found = image.report.find(({ subject }) => subject.endsWith("efi_firmware_code"));
    expect(found?.text).toContain("no variable store belongs to fw/CODE.fd");
  });

  it.each([
    ["cp /usr/share/OVMF/OVMF_VARS_4M.fd out/", "out/OVMF_VARS_4M.fd", "uefi"],
    ["cd out && cp -v /usr/share/OVMF/OVMF_VARS_4M.fd vars.fd", "out/vars.fd", "uefi"],
    [
      "cp fw/VARS.fd out/VARS.fd",
      "out/VARS.fd",
      { code: "/usr/share/OVMF/OVMF_CODE.fd", variables: "fw/VARS.fd" },
    ],
  ])("take the variables from where %s copies them", async (command, variables, firmware) => {
    const args = `qemuargs = [["-drive", "if=pflash,format=raw,file=${variables}"]]`;
    const image = await convertAfter([command], `${IMAGE}\n${args}`);
    expect(image.template["machine"]).toMatchObject({ firmware });
  });

  it("have no secure boot with code that supports it, but without keys", async () => {
    const files =
      'efi_firmware_code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"\n efi_firmware_vars = "/usr/share/OVMF/OVMF_VARS_4M.fd"';
    const machine = await machineOf(files);
    expect(machine).toMatchObject({ firmware: "uefi" });
    expect(machine).not.toHaveProperty("secureBoot");
  });

  it("keep the size of the disk image only where there is one", async () => {
    expect(await machineOf("skip_resize_disk = true")).not.toHaveProperty("disk");
    const installed = await convertSource(`
      iso_url = "https://one/x.iso"
      iso_checksum = "none"
      ssh_username = "root"
      ssh_password = "secret"
      skip_resize_disk = true
    `);
    expect(installed.template["machine"]).not.toHaveProperty("skipResize");
    const found = installed.report.find(({ subject }) => subject.endsWith("skip_resize_disk"));
    expect(found?.outcome).toBe("nothing");
  });
});

describe("a source of libvirt", () => {
  it("has the machine's architecture, firmware, secure boot and empty disks", async () => {
    const [image] = await convert(`
      source "libvirt" "debian" {
        arch           = "aarch64"
        loader_path    = "/usr/share/AAVMF/AAVMF_CODE.fd"
        nvram_template = "/usr/share/AAVMF/AAVMF_VARS.fd"
        secure_boot    = true
        volume {
          alias = "artifact"
          capacity = "10G"
          source {
            type = "external"
            urls = ["https://example.org/base.qcow2"]
          }
        }
        volume {
          capacity = "5GiB"
          bus      = "scsi"
        }
      }
      build { sources = ["source.libvirt.debian"] }
    `);
    expect(image?.template["machine"]).toMatchObject({
      ...{ arch: "aarch64", firmware: "uefi", secureBoot: true, disk: "10G" },
      disks: [{ name: "disk1", size: "5G", bus: "scsi" }],
    });
    expect(image && refusedOf(image)).toEqual([]);
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

  it.each([
    ["url={{.HTTPIP}}:{{.HTTPPort}}/preseed.cfg", "url=${http.address}/preseed.cfg"],
    ["http://{{.HTTPIP}}:<wait>{{.HTTPPort}}/", "<wait>${http.url}/"],
    [
      "http://<wait1s>{{ .HTTPIP }}<wait>:<wait5>{{ .HTTPPort }}/",
      "<wait1s><wait><wait5>${http.url}/",
    ],
    ['SERVER={{ build "PackerHTTPAddr" }} ', "SERVER=${http.address} "],
  ])("types %j as %j", async (keys, typed) => {
    const { template: made } = await convertSource(`
      iso_url = "https://one/x.iso"
      iso_checksum = "none"
      boot_command = [${JSON.stringify(keys)}]
      ssh_username = "root"
      ssh_password = "secret"
    `);
    expect(made["base"]).toMatchObject({ install: { bootCommand: [typed] } });
  });

  it("takes the text false for an option that is not set", async () => {
    const image = await convertSource(`${IMAGE}\nssh_agent_auth = "false"\nvtpm = "false"`);
    expect(refusedOf(image)).toEqual([]);
    expect(image.template["machine"]).not.toHaveProperty("tpm");
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
