/** Options of the communicator. */
import { isUnset, mapped, nothing, refused } from "../rules.js";
import type { OptionRule, RuleTable } from "../rules.js";
import { shownValue, textOf } from "../plain.js";

const OWN_KEY = "the build has a key of its own, which the seal removes from the image";
const PORT = "a free port on 127.0.0.1 is used";
const PROXY = "vmbuild connects to its machine on this host directly; remove it";
const ALGORITHMS = "vmbuild and the guest agree on the algorithms";
const WINRM = "it is used with the communicator winrm only";

const winrm: OptionRule = nothing(WINRM);

/** Rules of the login. */
export const LOGIN_RULES: RuleTable = {
  communicator: mapped("ssh; none leaves out steps and seal", (value) =>
    isUnset(value) || ["ssh", "none"].includes(shownValue(value))
      ? undefined
      : "vmbuild builds guests that it enters over SSH; Windows guests with WinRM are not supported",
  ),
  ssh_username: mapped("ssh.user"),
  ssh_password: mapped("ssh.password, unless a seed lets the build in"),
  ssh_private_key_file: mapped("ssh.privateKey, unless a seed lets the build in"),
  ssh_port: mapped("ssh.port"),
  ssh_timeout: mapped("ssh.timeout"),
  ssh_wait_timeout: mapped("ssh.timeout"),
  ssh_host: refused(
    PROXY,
    (value) => isUnset(value) || /^(?:127\.0\.0\.1|localhost|::1)$/.test(textOf(value) ?? ""),
  ),
  pause_before_connecting: nothing("a login is tried again until one succeeds"),
  ssh_keypair_name: nothing(OWN_KEY),
  temporary_key_pair_name: nothing(OWN_KEY),
  temporary_key_pair_type: nothing(OWN_KEY),
  temporary_key_pair_bits: nothing(OWN_KEY),
  ssh_clear_authorized_keys: nothing(OWN_KEY),
  ssh_public_key: nothing(OWN_KEY),
  ssh_private_key: nothing(OWN_KEY),
  ssh_ciphers: nothing(ALGORITHMS),
  ssh_key_exchange_algorithms: nothing(ALGORITHMS),
  ssh_certificate_file: refused(
    "vmbuild does not log in with a certificate; use ssh_private_key_file or ssh_password",
  ),
  ssh_agent_auth: refused(
    "vmbuild does not use your SSH agent; use ssh_private_key_file or ssh_password",
  ),
  ssh_disable_agent_forwarding: nothing("your SSH agent is never forwarded"),
  ssh_pty: nothing("sudo is used without a terminal"),
  ssh_handshake_attempts: nothing("a login is tried again until ssh.timeout"),
  ssh_keep_alive_interval: nothing("the connection is watched by vmbuild"),
  ssh_read_write_timeout: nothing("the connection is watched by vmbuild"),
  ssh_file_transfer_method: nothing("files are sent over the connection itself, and verified"),
  ssh_bastion_host: refused(PROXY),
  ssh_bastion_port: refused(PROXY),
  ssh_bastion_agent_auth: refused(PROXY),
  ssh_bastion_username: refused(PROXY),
  ssh_bastion_password: refused(PROXY),
  ssh_bastion_interactive: refused(PROXY),
  ssh_bastion_private_key_file: refused(PROXY),
  ssh_bastion_certificate_file: refused(PROXY),
  ssh_proxy_host: refused(PROXY),
  ssh_proxy_port: refused(PROXY),
  ssh_proxy_username: refused(PROXY),
  ssh_proxy_password: refused(PROXY),
  ssh_remote_tunnels: refused(
    "vmbuild opens no tunnels; use `local` actions with VMBUILD_SSH_PORT",
  ),
  ssh_local_tunnels: refused("vmbuild opens no tunnels; use `local` actions with VMBUILD_SSH_PORT"),
  host_port_min: nothing(PORT),
  host_port_max: nothing(PORT),
  ssh_host_port_min: nothing(PORT),
  ssh_host_port_max: nothing(PORT),
  skip_nat_mapping: refused("vmbuild reaches the guest by a forwarded port; remove it"),
  winrm_username: winrm,
  winrm_password: winrm,
  winrm_host: winrm,
  winrm_no_proxy: winrm,
  winrm_port: winrm,
  winrm_timeout: winrm,
  winrm_use_ssl: winrm,
  winrm_insecure: winrm,
  winrm_use_ntlm: winrm,
};
