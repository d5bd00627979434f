/** Provisioner `ansible-local`: playbooks that the guest's own Ansible runs. */
import { basename, dirname } from "node:path";
import type { BlockReader } from "../block.js";
import { resultPath } from "../context.js";
import type { Plain, PlainObject } from "../plain.js";
import { commonStep } from "../provisioner.js";
import type { ProvisionerContext, ProvisionerKind } from "../provisioner.js";
import { mapped, nothing, refused } from "../rules.js";
import { argumentFields, readAnsibleArguments } from "./ansible-arguments.js";
import { pathField } from "./ansible.js";

const STAGING = "the project is uploaded to a folder that is always removed";

const RULES = {
  playbook_file: mapped("ansible"),
  playbook_files: mapped("ansible, one action for each"),
  playbook_dir: mapped("folder"),
  playbook_paths: refused("vmbuild uploads the playbook's folder; put the files there"),
  role_paths: mapped("rolesPath"),
  collection_paths: refused("list the collections in galaxy_file"),
  group_vars: mapped("inventory"),
  host_vars: mapped("inventory"),
  extra_arguments: mapped("extraVars, tags, limit and arguments"),
  inventory_groups: mapped("groups"),
  inventory_file: refused("vmbuild writes the inventory; give inventory_groups"),
  galaxy_file: mapped("requirements"),
  galaxy_command: nothing("ansible-galaxy of the guest is used"),
  galaxy_force_install: nothing("the requirements are installed for each run"),
  galaxy_roles_path: nothing(STAGING),
  galaxy_collections_path: nothing(STAGING),
  command: nothing("ansible-playbook of the guest is used"),
  staging_directory: nothing(STAGING),
  clean_staging_directory: nothing(STAGING),
};

/** Returns the folder that contains group_vars and host_vars. */
function inventoryOf(reader: BlockReader, context: ProvisionerContext): PlainObject {
  const paths = ["group_vars", "host_vars"].flatMap((option) => {
    const path = reader.text(option) ?? "";
    return path === "" ? [] : [{ option, path: path.replace(/\/+$/, "") }];
  });
  const [first] = paths;
  if (!first) return {};
  const folder = dirname(first.path);
  const odd = paths.find(
    ({ option, path }) => dirname(path) !== folder || basename(path) !== option,
  );
  if (odd) {
    const text = `must be a folder with the name ${odd.option}, beside the other one`;
    reader.say(odd.option, "refused", text);
    return {};
  }
  return { inventory: resultPath(context, folder) };
}

/** Playbooks that run in the guest. */
export const ansibleLocalProvisioner: ProvisionerKind = {
  name: "ansible-local",
  rules: RULES,
  convert(reader, context) {
    const found = readAnsibleArguments(reader.jsonTexts("extra_arguments"), context);
    const files = reader.texts(reader.has("playbook_files") ? "playbook_files" : "playbook_file");
    const groups = reader.texts("inventory_groups").flatMap((text) => text.split(","));
    const roles = reader.texts("role_paths").map((path) => resultPath(context, path));
    const common: PlainObject = {
      in: "guest",
      ...pathField(reader, "playbook_dir", "folder", context),
      ...inventoryOf(reader, context),
      ...pathField(reader, "galaxy_file", "requirements", context),
      ...(groups.length > 0 && { groups }),
      ...(roles.length > 0 && { rolesPath: roles }),
      ...argumentFields(found),
    };
    const actions = files.map((path): Plain => ({ ansible: resultPath(context, path), ...common }));
    const { before, timeout, retries } = commonStep(reader);
    context.steps.add({
      title: `ansible ${files.map((path) => basename(path)).join(" ")}`,
      actions: [...before, ...actions],
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
    return Promise.resolve();
  },
};
