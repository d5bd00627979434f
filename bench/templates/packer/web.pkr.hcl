# A template for Packer in the form of OpenNebula's appliances: a null build makes the seed, and
# nine provisioners follow. vmbuild builds it unchanged: test/e2e/packer.test.ts compares the
# images, and `make bench ONLY=packer-template` the times.
variable "base" {
  type = string
}
variable "accelerator" {
  type    = string
  default = "tcg"
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
  accelerator      = var.accelerator
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
  disk_cache       = "unsafe"
  net_device       = "virtio-net"
  disk_interface   = "virtio"
  qemuargs         = [["-cdrom", "web-seed.iso"], ["-cpu", "max"]]
  boot_wait        = "1s"
  communicator     = "ssh"
  ssh_username     = "root"
  ssh_password     = "opennebula"
  ssh_timeout      = "30m"
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
    environment_vars = ["WORD=${var.word}", "QUOTED=it's \"quoted\""]
    execute_command  = "chmod +x {{ .Path }}; cd /opt/web && {{ .Vars }} {{ .Path }} given"
    scripts          = ["scripts/install.sh"]
    valid_exit_codes = [0, 3]
  }

  post-processor "checksum" {
    checksum_types = ["sha256"]
    output         = "${var.output_dir}/SHA256SUMS"
  }
  post-processor "manifest" {
    output     = "packer-manifest.json"
    strip_path = true
  }
}
