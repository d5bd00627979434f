/** Resolves the paths of an `ansible` action: on this host, and for a copy that is uploaded. */
import { dirname, join, resolve } from "node:path";
import { VmbuildError } from "../../errors.js";
import { statIfThere } from "../../host/files.js";
import type { LocalSource } from "../action.js";
import { isInside } from "../project-files.js";
import type { AnsibleAction } from "./schema.js";

/** Files that a run of ansible-playbook uses. All are absolute. */
export interface AnsiblePaths {
  readonly playbook: string;
  /** Project folder, in which Ansible runs. */
  readonly folder: string;
  readonly config: string | undefined;
  /** Folder with group_vars and host_vars. */
  readonly inventory: string | undefined;
  readonly extraVarsFiles: readonly string[];
  readonly requirements: string | undefined;
  readonly rolesPath: readonly string[];
}

/** Returns the paths of an action on this host. */
export function hostPathsOf(action: AnsibleAction, templateFolder: string): AnsiblePaths {
  const absolute = (path: string): string => resolve(templateFolder, path);
  const optional = (path: string | undefined) => (path === undefined ? undefined : absolute(path));
  const playbook = absolute(action.ansible);
  return {
    playbook,
    folder: optional(action.folder) ?? dirname(playbook),
    config: optional(action.config),
    inventory: optional(action.inventory),
    extraVarsFiles: action.extraVarsFiles.map(absolute),
    requirements: optional(action.requirements),
    rolesPath: action.rolesPath.map(absolute),
  };
}

/** Names of the folders of variables beside an inventory. */
export const VARIABLE_FOLDERS = ["group_vars", "host_vars"] as const;

/**
 * Returns everything that the result of a playbook depends on: the files of the project folder, and
 * those that the action names elsewhere.
 */
export function sourcesOf(action: AnsibleAction, templateFolder: string): LocalSource[] {
  const paths = hostPathsOf(action, templateFolder);
  const { playbook, folder, config, inventory, requirements, extraVarsFiles, rolesPath } = paths;
  const named = [playbook, config, requirements, ...extraVarsFiles];
  const trees = [folder, inventory, ...rolesPath].filter((path) => path !== undefined);
  const outside = trees.filter((path) => path === folder || !isInside(path, folder));
  return [
    ...named
      .filter((path) => path !== undefined)
      .map((path): LocalSource => ({ path, kind: "file" })),
    ...outside.map((path): LocalSource => ({ path, kind: "tree", project: true })),
  ];
}

/**
 * Checks that everything that an action names exists. Ansible ignores some missing files.
 * @throws {VmbuildError} STEP_FAILED with the path.
 */
export async function requireSources(action: AnsibleAction, templateFolder: string): Promise<void> {
  for (const { path } of sourcesOf(action, templateFolder)) {
    if (await statIfThere(path)) continue;
    throw new VmbuildError("STEP_FAILED", `${action.ansible}: ${path} does not exist`, {
      hint: "If a local action creates it, check that it runs before this action.",
    });
  }
}

/**
 * Returns where each file is in a copy of the project that is complete in itself.
 * @param root folder of the copy, on this host or in the guest.
 */
export function copiedPathsOf(paths: AnsiblePaths, root: string): AnsiblePaths {
  const project = join(root, "project");
  const inProject = (path: string): string | undefined =>
    isInside(path, paths.folder) ? join(project, path.slice(paths.folder.length)) : undefined;
  const place = (path: string | undefined, name: string): string | undefined =>
    path === undefined ? undefined : (inProject(path) ?? join(root, name));
  return {
    playbook: join(project, paths.playbook.slice(paths.folder.length)),
    folder: project,
    config: place(paths.config, "ansible.cfg"),
    // The folders of variables are copied to the generated inventory.
    inventory: undefined,
    extraVarsFiles: paths.extraVarsFiles.map(
      (path, index) => inProject(path) ?? join(root, `extra-vars-${index}`),
    ),
    requirements: place(paths.requirements, "requirements.yml"),
    rolesPath: paths.rolesPath.map(
      (path, index) => inProject(path) ?? join(root, `roles-${index}`),
    ),
  };
}
