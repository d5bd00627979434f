/** Copies a project and all other files of an action into one folder, which is then uploaded. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { statIfThere } from "../../host/files.js";
import { isOutsideProject } from "../project-files.js";
import { EXTRA_VARS_NAME } from "./arguments.js";
import { INVENTORY_NAME, LOCAL_VARIABLES, inventoryText } from "./inventory.js";
import { CALLBACK_PLUGINS } from "./plugins.js";
import { VARIABLE_FOLDERS, copiedPathsOf } from "./paths.js";
import type { AnsiblePaths } from "./paths.js";
import type { AnsibleAction } from "./schema.js";

/** Name of the folder with the inventory, below the root of a copy. */
const INVENTORY_FOLDER = "inventory";

/** Returns the path of the inventory in a copy. */
export function copiedInventory(root: string): string {
  return join(root, INVENTORY_FOLDER, INVENTORY_NAME);
}

/**
 * Copies everything that a playbook needs into a folder: the project without version control and
 * caches, files outside it, the inventory, the variables, and the plugin that reports tasks.
 * @param root an absolute path, which must not exist yet.
 * @param buildPaths absolute paths that are not part of the project.
 */
export async function copyProject(
  action: AnsibleAction,
  paths: AnsiblePaths,
  root: string,
  buildPaths: readonly string[],
): Promise<void> {
  const copied = copiedPathsOf(paths, root);
  const filter = (path: string): boolean => !isOutsideProject(path, buildPaths);
  const copy = async (from: string, to: string): Promise<void> => {
    await mkdir(dirname(to), { recursive: true });
    // The folder that the template names is copied, whatever its name is.
    await cp(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path === from || filter(path),
    });
  };
  await mkdir(root, { mode: 0o700 });
  await copy(paths.folder, copied.folder);
  const pairs: [string | undefined, string | undefined][] = [
    [paths.config, copied.config],
    [paths.requirements, copied.requirements],
    ...paths.extraVarsFiles.map((path, index): [string, string | undefined] => [
      path,
      copied.extraVarsFiles[index],
    ]),
    ...paths.rolesPath.map((path, index): [string, string | undefined] => [
      path,
      copied.rolesPath[index],
    ]),
  ];
  for (const [from, to] of pairs) {
    if (from === undefined || to === undefined || (await statIfThere(to))) continue;
    await copy(from, to);
  }
  const inventory = copiedInventory(root);
  await mkdir(dirname(inventory));
  await writeFile(inventory, inventoryText(action, LOCAL_VARIABLES));
  for (const name of paths.inventory === undefined ? [] : VARIABLE_FOLDERS) {
    const from = join(paths.inventory ?? "", name);
    if (await statIfThere(from)) await copy(from, join(dirname(inventory), name));
  }
  // Ansible loads plugins of a folder with this name beside the playbook.
  await copy(CALLBACK_PLUGINS, join(dirname(copied.playbook), "callback_plugins"));
  if (Object.keys(action.extraVars).length === 0) return;
  await writeFile(join(root, EXTRA_VARS_NAME), JSON.stringify(action.extraVars), { mode: 0o600 });
}
