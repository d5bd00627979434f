/** Creates the argument list and the environment of ansible-playbook. Pure. */
import { join } from "node:path";
import type { Privilege } from "../../guest/launcher.js";
import type { AnsiblePaths } from "./paths.js";
import type { AnsibleAction } from "./schema.js";

/** Files that are made for one run, besides those of the template. */
export interface RunFiles {
  readonly paths: AnsiblePaths;
  /** Path of the inventory. */
  readonly inventory: string;
  /** Path of a JSON file with the variables of `extraVars`; undefined where there are none. */
  readonly extraVars: string | undefined;
}

/** Name of the file with the variables of `extraVars`. */
export const EXTRA_VARS_NAME = "extra-vars.json";

/** Returns the options with which tasks become root. */
function becomeArguments(become: boolean | undefined, privilege: Privilege): string[] {
  if (!(become ?? privilege !== "root")) return [];
  // sudo is Ansible's default.
  return ["--become", ...(privilege === "doas" ? ["--become-method", "doas"] : [])];
}

/**
 * Returns the arguments of ansible-playbook. Variables are passed as names of files, because every
 * user of a machine can read argument lists.
 */
export function playbookArguments(
  action: AnsibleAction,
  files: RunFiles,
  privilege: Privilege,
): string[] {
  const { limit, tags, skipTags } = action;
  const variables = [...files.paths.extraVarsFiles, files.extraVars];
  return [
    "--inventory",
    files.inventory,
    ...(limit === undefined ? [] : ["--limit", limit]),
    ...(tags.length === 0 ? [] : ["--tags", tags.join(",")]),
    ...(skipTags.length === 0 ? [] : ["--skip-tags", skipTags.join(",")]),
    ...becomeArguments(action.become, privilege),
    ...variables.flatMap((path) => (path === undefined ? [] : ["--extra-vars", `@${path}`])),
    ...action.arguments,
    files.paths.playbook,
  ];
}

/** Variables for every program of Ansible. `undefined` removes a variable. */
export function commonEnvironment(
  action: AnsibleAction,
  step: Readonly<Record<string, string>>,
  { config }: AnsiblePaths,
): Record<string, string | undefined> {
  return {
    ANSIBLE_NOCOLOR: "1",
    ANSIBLE_FORCE_COLOR: "0",
    // Compiled plugins would change the project's folder.
    PYTHONDONTWRITEBYTECODE: "1",
    ...localeEnvironment(),
    ...(config === undefined ? {} : { ANSIBLE_CONFIG: config }),
    ...step,
    ...action.environment,
  };
}

/** Ansible refuses to run where the encoding of the locale is not UTF-8. */
function localeEnvironment(): Record<string, string> {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== "");
  return /utf-?8/i.test(locale ?? "") ? {} : { LC_ALL: "C.UTF-8" };
}

/** Folders in which ansible-galaxy installs, below a root. */
export function galaxyFolders(root: string): {
  readonly roles: string;
  readonly collections: string;
} {
  return { roles: join(root, "roles"), collections: join(root, "collections") };
}
