/**
 * One unchanged Packer template of eight steps, built by vmbuild and by Packer itself on the same
 * base: the steps leave the same files. A changed variable resumes from a checkpoint.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapLocation, bootstrapSpec } from "../../src/base/cached-bootstrap.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { differingPaths, listImage } from "../support/image-tree.js";

const TEMPLATE = `
variable "base" {
  type = string
}
variable "word" {
  type    = string
  default = "one"
}
variable "output_dir" {
  type = string
}

source "null" "seed" {
  communicator = "none"
}
build {
  sources = ["source.null.seed"]
  provisioner "shell-local" {
    inline = ["xorriso -as genisoimage -quiet -volid cidata -joliet -rock -o web-seed.iso user-data meta-data"]
  }
}

source "qemu" "web" {
  accelerator      = "tcg"
  cpus             = 2
  memory           = 1024
  disk_size        = "3G"
  iso_url          = var.base
  iso_checksum     = "none"
  disk_image       = true
  output_directory = var.output_dir
  vm_name          = "web.qcow2"
  format           = "qcow2"
  headless         = true
  net_device       = "virtio-net"
  disk_interface   = "virtio"
  qemuargs         = [["-cdrom", "web-seed.iso"], ["-cpu", "max"]]
  boot_wait        = "1s"
  communicator     = "ssh"
  ssh_username     = "root"
  ssh_password     = "opennebula"
  ssh_timeout      = "15m"
  shutdown_command = "poweroff"
}
build {
  sources = ["source.qemu.web"]

  provisioner "shell" {
    inline = ["cloud-init status --wait"]
  }
  provisioner "shell" {
    script = "scripts/configure-ssh.sh"
  }
  provisioner "shell" {
    inline = ["mkdir -p /context /opt/web"]
  }
  provisioner "file" {
    source      = "context/"
    destination = "/context"
  }
  provisioner "file" {
    source      = "site"
    destination = "/opt/web"
  }
  provisioner "shell" {
    inline_shebang = "/bin/bash -e"
    inline = [
      "install -m u=rwx,g=rx,o=   -d /etc/one-appliance/{,service.d/,lib/}",
      "install -m u=rwx,g=rx,o=rx -d /opt/one-appliance/{,bin/}",
    ]
  }
  provisioner "file" {
    sources     = ["lib/common.sh", "lib/functions.sh"]
    destination = "/etc/one-appliance/lib/"
  }
  provisioner "file" {
    source      = "lib/service.sh"
    destination = "/etc/one-appliance/service"
  }
  provisioner "shell" {
    environment_vars = ["WORD=\${var.word}", "QUOTED=it's \\"quoted\\""]
    execute_command  = "chmod +x {{ .Path }}; cd /opt/web && {{ .Vars }} {{ .Path }} given"
    scripts          = ["scripts/install.sh"]
    valid_exit_codes = [0, 3]
  }

  post-processor "checksum" {
    checksum_types = ["sha256"]
    output         = "\${var.output_dir}/SHA256SUMS"
  }
  post-processor "manifest" {
    output     = "packer-manifest.json"
    strip_path = true
  }
}
`;

const FILES: Readonly<Record<string, string>> = {
  "web.pkr.hcl": TEMPLATE,
  "user-data": [
    "#cloud-config",
    // Other modules take most of the time that an emulated guest needs to boot.
    "cloud_init_modules: [write-files, set_hostname, users-groups, ssh]",
    "cloud_config_modules: [set-passwords, runcmd]",
    "cloud_final_modules: [scripts-user]",
    "disable_root: false",
    "ssh_pwauth: true",
    "chpasswd: {expire: false, users: [{name: root, password: opennebula, type: text}]}",
    "write_files:",
    '  - {path: /etc/ssh/sshd_config.d/root.conf, content: "PermitRootLogin yes\\n"}',
    "runcmd: [systemctl restart ssh]",
    "",
  ].join("\n"),
  "meta-data": "instance-id: web\nlocal-hostname: web\n",
  "scripts/configure-ssh.sh":
    "#!/bin/sh -e\necho 'UseDNS no' >/etc/ssh/sshd_config.d/99-web.conf\nid -un >/root/who\n",
  "scripts/install.sh": [
    "#!/bin/bash -eu",
    ". /etc/one-appliance/lib/common.sh",
    "chmod 0755 /etc/one-appliance/service",
    '/etc/one-appliance/service "$1"',
    'printf "%s %s %s\\n" "$WORD" "$QUOTED" "$PACKER_BUILD_NAME" >/opt/web/word',
    "pwd >/opt/web/folder",
    "exit 3",
    "",
  ].join("\n"),
  "context/one/two.txt": "two\n",
  "context/three.txt": "three\n",
  "site/index.html": "<p>Hello</p>\n",
  "lib/common.sh": "set -o pipefail\n",
  "lib/functions.sh": "greet() { echo hello; }\n",
  "lib/service.sh":
    '#!/bin/bash\n. /etc/one-appliance/lib/functions.sh\necho "$(greet) $1" >/opt/one-appliance/bin/log\n',
};

/**
 * Files that differ between two builds by Packer too, because they belong to one machine or one
 * boot; the seal removes most of them.
 */
const OF_A_MACHINE =
  /^\/(etc\/(machine-id|shadow|ssh\/ssh_host_.*|sudoers\.d\/90-cloud-init-users|systemd\/network\/10-cloud-init-.*)|root\/\.ssh\/authorized_keys|var\/(cache\/apt|lib\/cloud|lib\/systemd|log)\/.*)$/;

let sandbox: Sandbox;
let folder: string;
let base: string;
beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
  folder = await mkdtemp(join(tmpdir(), "vmb-packer-"));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(sandbox.folder, name)), { recursive: true });
    await writeFile(join(sandbox.folder, name), text);
  }
  base = bootstrapLocation(bootstrapSpec({ suite: "bookworm", packages: [] }));
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs the template in the folder of its files, as Packer's users do. */
async function run(...args: string[]): Promise<Ended> {
  const variables = ["--var", `base=${base}`, "--var", `output_dir=${join(sandbox.folder, "out")}`];
  const ended = await sandbox.vmbuild(
    ...["run", "web.pkr.hcl", "--log-format", "plain", ...variables, ...args],
  );
  requireDone(ended);
  return ended;
}

const image = (): string => join(sandbox.folder, "out/web.qcow2");

describe("an unchanged Packer template", () => {
  it("builds the image, the checksum file and the manifest that Packer would", async () => {
    await run();
    const sums = await readFile(join(sandbox.folder, "out/SHA256SUMS"), "utf8");
    const { stdout } = await execa("sha256sum", [image()]);
    expect(sums.split(/\s/)[0]).toBe(stdout.split(" ")[0]);
    const manifest = await readFile(join(sandbox.folder, "packer-manifest.json"), "utf8");
    expect(JSON.parse(manifest)).toMatchObject({
      builds: [{ name: "web", builder_type: "qemu", files: [{ name: "web.qcow2" }] }],
    });
  });

  it("leaves the files that Packer's own build leaves", async ({ skip }) => {
    const packer = await execa("packer", ["version"], { reject: false });
    if (packer.failed) skip("Packer is not installed");
    const output = join(folder, "packer");
    const variables = ["-var", `base=${base}`, "-var", `output_dir=${output}`];
    await execa("packer", ["build", "-color=false", ...variables, "web.pkr.hcl"], {
      cwd: sandbox.folder,
      env: { CHECKPOINT_DISABLE: "1", PACKER_CACHE_DIR: join(folder, "cache") },
    });
    const [ours, theirs] = [
      await listImage(image(), folder),
      await listImage(join(output, "web.qcow2"), folder),
    ];
    const made = ["/context/one/two.txt", "/opt/web/site/index.html", "/opt/one-appliance/bin/log"];
    expect([...ours.keys()]).toEqual(expect.arrayContaining([...made, "/root/who"]));
    expect(differingPaths(ours, theirs).filter((path) => !OF_A_MACHINE.test(path))).toEqual([]);
  });

  it("resumes from the checkpoint before the provisioner that uses a changed variable", async () => {
    const { stderr } = await run("--var", "word=two");
    expect(stderr).toMatch(/checkpoint after file-service/);
    const tree = await listImage(image(), folder);
    const word = `two it's "quoted" web\n`;
    const digest = createHash("sha256").update(word).digest("hex");
    expect(tree.get("/opt/web/word")).toBe(`file 644 ${digest}`);
  });
});
