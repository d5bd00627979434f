/** Options of the qemu builder that say what the machine starts from, and its files. */
import { isUnset, mapped, nothing, oneOf, refused } from "../rules.js";
import type { RuleTable } from "../rules.js";

/** Schemes of addresses that vmbuild downloads. */
const isFetchable = (address: string): boolean =>
  !/^[a-z0-9]+::/i.test(address) && !/^(?!https?:|file:)[a-z][a-z0-9+.-]*:\/\//i.test(address);

const checkAddress = (value: unknown): string | undefined => {
  const addresses = (Array.isArray(value) ? value : [value]).map(String);
  const other = addresses.find((address) => !isFetchable(address));
  return other === undefined
    ? undefined
    : `${JSON.stringify(other)} is neither an address that begins with https:// or http:// nor a path; download the file yourself`;
};

/** Rules of the start. */
export const START_RULES: RuleTable = {
  iso_url: mapped("base.url, base.path, base.install.iso or base.install.image", checkAddress),
  iso_urls: mapped(
    "base.url and base.mirrors, base.install.iso or base.install.image",
    checkAddress,
  ),
  iso_checksum: mapped("the checksum of the base or of the ISO image"),
  iso_checksum_type: mapped("the checksum of the base or of the ISO image"),
  iso_checksum_url: mapped("the checksum of the base or of the ISO image"),
  iso_skip_cache: mapped('the checksum "none"'),
  iso_target_path: nothing("vmbuild keeps downloads in a cache of its own"),
  iso_target_extension: nothing("vmbuild keeps downloads in a cache of its own"),
  disk_image: mapped("base; base.install for an installer, or for keys that are typed"),
  use_backing_file: nothing("the build works on an overlay, and the image is complete"),
  boot_command: mapped("base.install.bootCommand"),
  boot_steps: mapped("base.install.bootCommand"),
  boot_wait: mapped("base.install.bootWait, if keys are typed"),
  boot_key_interval: mapped("base.install.keyInterval"),
  boot_keygroup_interval: nothing("keys are typed one by one"),
  cdrom_interface: mapped(
    "base.install.cdBus",
    oneOf(
      ["ide", "sata", "scsi", "virtio", "virtio-scsi"],
      "vmbuild has no such CD drive; use sata or virtio-scsi",
    ),
  ),
  http_directory: mapped("base.install.http.folders, or seed.userData"),
  http_content: mapped("base.install.http.files, or seed.userData"),
  http_port_min: nothing("a free port is used"),
  http_port_max: nothing("a free port is used"),
  http_bind_address: nothing("the server is only reached by the guest"),
  http_interface: nothing("the server is only reached by the guest"),
  http_network_protocol: nothing("the server is only reached by the guest"),
  cd_files: mapped("seed, or base.install.media"),
  cd_content: mapped("seed, or base.install.media"),
  cd_label: mapped("the label in base.install.media; cidata makes it a seed"),
  floppy_files: mapped("base.install.media"),
  floppy_dirs: mapped("base.install.media"),
  floppy_content: mapped("base.install.media"),
  floppy_label: mapped("base.install.media"),
  shutdown_command: mapped("a last step, if it does more than power off"),
  shutdown_timeout: mapped("shutdown.timeout"),
  format: mapped("output.format", oneOf(["qcow2", "raw"], "Packer writes qcow2 or raw")),
  disk_compression: mapped("output.compression"),
  skip_compaction: nothing("the image is always compacted"),
  vm_name: mapped("output.filename"),
  output_directory: mapped("output.directory"),
  disable_shutdown: refused("vmbuild shuts the guest down itself; remove it", isUnset),
};
