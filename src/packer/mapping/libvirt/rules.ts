/** Options of the builder of the libvirt plugin (github.com/thomasklein94/packer-plugin-libvirt). */
import { OTHER_ARCHITECTURE, findArchitecture } from "../architecture.js";
import { shownValue } from "../plain.js";
import { isUnset, mapped, nothing, oneOf, refused } from "../rules.js";
import type { RuleTable } from "../rules.js";

const DAEMON = "vmbuild starts QEMU itself, without libvirt";
const DISPLAY = "vmbuild shows no window: see `vmbuild screen NAME`";

/** Rules of the builder. */
export const LIBVIRT_RULES: RuleTable = {
  communicator: mapped("ssh"),
  boot_command: refused(
    "keys are typed to an installer only; let a volume of the type cloud-init do their work",
    isUnset,
  ),
  boot_wait: nothing("a login is tried until one succeeds"),
  boot_keygroup_interval: nothing("no keys are typed"),
  key_hold_time: nothing("no keys are typed"),
  domain_name: mapped("output.filename"),
  memory: mapped("machine.memory"),
  vcpu: mapped("machine.cpus"),
  cpu_mode: mapped("machine.cpu, host for host-passthrough and host-model"),
  network_interface: nothing("the guest has a virtio network card with NAT"),
  communicator_interface: nothing("the guest has one network card"),
  volume: mapped("base, machine.disk and seed"),
  artifact_volume_alias: mapped("base: it names the volume that becomes the image"),
  boot_devices: nothing("the machine starts from its disk"),
  graphics: nothing(DISPLAY),
  network_address_source: nothing("a port on 127.0.0.1 is forwarded to the guest"),
  libvirt_uri: nothing(DAEMON),
  shutdown_mode: nothing("the guest is powered off over SSH, then by its power button"),
  shutdown_timeout: mapped("shutdown.timeout"),
  domain_type: mapped(
    "machine.accelerator",
    oneOf(["kvm", "qemu"], "vmbuild knows the domain types kvm and qemu"),
  ),
  arch: mapped("machine.arch", (value) =>
    isUnset(value) || findArchitecture(shownValue(value)) ? undefined : OTHER_ARCHITECTURE,
  ),
  chipset: mapped("machine.type"),
  loader_path: mapped("machine.firmware"),
  loader_type: mapped("machine.firmware"),
  secure_boot: mapped("machine.secureBoot"),
  nvram_path: nothing("vmbuild keeps UEFI variables in the build's folder"),
  nvram_template: mapped("machine.firmware"),
};
