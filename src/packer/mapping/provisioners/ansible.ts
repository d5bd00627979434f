/** Provisioner `ansible`: a playbook that runs on the host. */
import { basename, delimiter } from "node:path";
import type { BlockReader } from "../block.js";
import { resultPath } from "../context.js";
import { shownValue } from "../plain.js";
import type { PlainObject } from "../plain.js";
import { commonStep } from "../provisioner.js";
import type { ProvisionerContext, ProvisionerKind } from "../provisioner.js";
import { isUnset, mapped, nothing, refused } from "../rules.js";
import { argumentFields, readAnsibleArguments } from "./ansible-arguments.js";
import { readPairs } from "./environment.js";
import type { Environment } from "./environment.js";

const DIRECT = "Ansible connects to the guest directly";
const CACHED = "vmbuild installs the requirements into its cache";

/** Variable that says how Ansible connects to the guest, which vmbuild's inventory has itself. */
const CONNECTION =
  /\s+ansible_(?:ssh_)?(?:host|user|port)=(?:"[^"]*"|'[^']*'|\{\{[^}]*\}\}|[^\s{]+)/g;

/**
 * Returns the guest's name in a line of Packer's inventory, empty for that of `host_alias`;
 * undefined for a line with more than a name and how to connect.
 */
function templateAlias(line: string): string | undefined {
  const name = line.trim().replaceAll(CONNECTION, "");
  if (/^\{\{-?\s*\.HostAlias\s*-?\}\}$/.test(name)) return "";
  return /^\w[\w.-]*$/.test(name) ? name : undefined;
}

const RULES = {
  playbook_file: mapped("ansible"),
  extra_arguments: mapped("extraVars, tags, limit, become and arguments"),
  ansible_env_vars: mapped("environment, config and rolesPath"),
  groups: mapped("groups"),
  empty_groups: mapped("emptyGroups"),
  host_alias: mapped("hostAlias"),
  inventory_file_template: mapped("hostAlias", (value) =>
    isUnset(value) || templateAlias(shownValue(value)) !== undefined
      ? undefined
      : "vmbuild writes the inventory, of which only the guest's name can be given here; give groups, and variables in --extra-vars",
  ),
  inventory_directory: mapped("inventory"),
  galaxy_file: mapped("requirements"),
  roles_path: mapped("rolesPath"),
  collections_path: nothing(CACHED),
  galaxy_force_install: nothing(CACHED),
  galaxy_force_with_deps: nothing(CACHED),
  galaxy_command: nothing("ansible-galaxy of PATH is used"),
  command: nothing("ansible-playbook of PATH is used"),
  user: nothing("Ansible logs in as ssh.user"),
  ansible_ssh_extra_args: nothing(DIRECT),
  local_port: nothing(DIRECT),
  ssh_host_key_file: nothing(DIRECT),
  ssh_authorized_key_file: nothing(DIRECT),
  ansible_proxy_key_type: nothing(DIRECT),
  sftp_command: nothing(DIRECT),
  use_sftp: nothing(DIRECT),
  use_proxy: nothing(DIRECT),
  ansible_winrm_use_http: nothing(DIRECT),
  skip_version_check: nothing("any version of Ansible is used"),
  keep_inventory_file: nothing("the inventory is in a folder of the run, and removed"),
  inventory_file: refused(
    "vmbuild writes the inventory; give groups, and variables in inventory_directory",
  ),
};

/** Returns fields for variables of Ansible that name files, and the other variables. */
function ansibleEnvironment(
  reader: BlockReader,
  option: string,
  context: ProvisionerContext,
): { readonly fields: PlainObject; readonly environment: Environment } {
  const {
    ANSIBLE_CONFIG: config,
    ANSIBLE_ROLES_PATH: roles,
    ...environment
  } = readPairs(reader, option);
  const split = (text: unknown): string[] =>
    String(text)
      .split(delimiter)
      .filter((path) => path !== "")
      .map((path) => resultPath(context, path));
  return {
    fields: {
      ...(config !== undefined && { config: resultPath(context, shownValue(config)) }),
      ...(roles !== undefined && { rolesPath: split(roles) }),
    },
    environment,
  };
}

/** Returns a path of the host of an option, under the name of a field. */
export function pathField(
  reader: BlockReader,
  option: string,
  field: string,
  context: ProvisionerContext,
): PlainObject {
  const path = reader.text(option) ?? "";
  if (path === "") return {};
  return { [field]: resultPath(context, path, reader.jsonText(option)) };
}

/** Playbook that runs on the host. */
export const ansibleProvisioner: ProvisionerKind = {
  name: "ansible",
  rules: RULES,
  convert(reader, context) {
    const words = reader.jsonTexts("extra_arguments");
    const found = readAnsibleArguments(words, context);
    const { fields, environment } = ansibleEnvironment(reader, "ansible_env_vars", context);
    const roles = reader.text("roles_path") ?? "";
    const groups = reader.jsonTexts("groups");
    const empty = reader.jsonTexts("empty_groups");
    const alias =
      templateAlias(reader.text("inventory_file_template") ?? "") ||
      (reader.jsonText("host_alias") ?? "");
    const isOther = context.login.user !== "root";
    const action: PlainObject = {
      ...pathField(reader, "playbook_file", "ansible", context),
      ...(alias !== "" && { hostAlias: alias }),
      ...(groups.length > 0 && { groups }),
      ...(empty.length > 0 && { emptyGroups: empty }),
      ...pathField(reader, "inventory_directory", "inventory", context),
      ...pathField(reader, "galaxy_file", "requirements", context),
      ...fields,
      ...(roles !== "" &&
        fields["rolesPath"] === undefined &&
        !reader.has("galaxy_file") && {
          rolesPath: [resultPath(context, roles)],
        }),
      // As in Packer, tasks run as the user of the login unless the playbook says otherwise.
      ...(isOther && { become: false }),
      ...argumentFields(found),
      ...(Object.keys(environment).length > 0 && { environment }),
    };
    const { before, timeout, retries } = commonStep(reader);
    context.steps.add({
      title: `ansible ${basename(reader.text("playbook_file") ?? "")}`,
      actions: [...before, action],
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
    return Promise.resolve();
  },
};
