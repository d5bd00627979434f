/** Creates the inventory of a run: the guest, how to connect to it, and its groups. */
import { shellQuote } from "../../host/programs.js";
import type { SshFiles } from "../../guest/ssh-files.js";
import type { AnsibleAction } from "./schema.js";

/** Name of the inventory's file. Ansible looks for group_vars and host_vars in its folder. */
export const INVENTORY_NAME = "hosts.json";

/** Variables of the guest in the inventory, by their names in Ansible. */
export type HostVariables = Readonly<Record<string, string | number | boolean>>;

/**
 * Quotes a path for an option of ssh, which splits the value at spaces and replaces `%` sequences
 * (ssh_config(5), TOKENS).
 */
function optionPath(path: string): string {
  const escaped = path.replaceAll("%", "%%");
  return /\s/.test(path) ? `"${escaped}"` : escaped;
}

/**
 * Returns the options of ssh: nothing of the user's own configuration counts, the agent only where
 * it has the key, and only the guest's host key is accepted.
 * @param controlFolder folder for the socket of a shared connection; undefined for one connection
 *   for each task.
 */
function sshOptions(files: SshFiles, controlFolder: string | undefined): string[] {
  const shared =
    controlFolder === undefined
      ? ["ControlMaster=no", "ControlPath=none"]
      : [
          "ControlMaster=auto",
          "ControlPersist=60s",
          // A task may log in as another user, for whom the connection must not be shared.
          `ControlPath=${optionPath(controlFolder)}/%r`,
        ];
  const options = [
    "IdentitiesOnly=yes",
    `IdentityAgent=${files.agent === undefined ? "none" : optionPath(files.agent)}`,
    `UserKnownHostsFile=${optionPath(files.knownHosts)}`,
    "GlobalKnownHostsFile=/dev/null",
    "StrictHostKeyChecking=yes",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=8",
    ...shared,
  ];
  return ["-F", "/dev/null", ...options.flatMap((option) => ["-o", option])];
}

/** Returns the variables with which Ansible on this host connects to the guest. */
export function sshVariables(files: SshFiles, controlFolder: string | undefined): HostVariables {
  return {
    ansible_connection: "ssh",
    ansible_host: files.host,
    ansible_port: files.port,
    ansible_user: files.user,
    ansible_ssh_private_key_file: files.key,
    ansible_host_key_checking: true,
    // Ansible's own defaults and those of ansible.cfg come after these, so these are used.
    ansible_ssh_args: sshOptions(files, controlFolder).map(shellQuote).join(" "),
  };
}

/** Variables with which Ansible in the guest runs tasks there, with its own Python. */
export const LOCAL_VARIABLES: HostVariables = {
  ansible_connection: "local",
  ansible_python_interpreter: "{{ ansible_playbook_python }}",
};

/** Returns the inventory as JSON, which Ansible reads as YAML. */
export function inventoryText(
  { hostAlias, groups, emptyGroups }: Pick<AnsibleAction, "hostAlias" | "groups" | "emptyGroups">,
  variables: HostVariables,
): string {
  const filled = groups.map((name) => [name, { hosts: { [hostAlias]: {} } }]);
  const empty = emptyGroups.map((name) => [name, { hosts: {} }]);
  const children: unknown = Object.fromEntries([...empty, ...filled]);
  const inventory = { all: { hosts: { [hostAlias]: variables }, children } };
  return `${JSON.stringify(inventory, undefined, 2)}\n`;
}
