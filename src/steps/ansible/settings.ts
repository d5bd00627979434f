/** Reads Ansible's settings that vmbuild extends: the search paths of plugins, roles and collections. */
import { z } from "zod";
import { VmbuildError } from "../../errors.js";
import { runProgram } from "../../host/programs.js";
import type { RunOptions } from "../../host/programs.js";

/** Search paths as Ansible determines them from its defaults, ansible.cfg and the environment. */
export interface AnsibleSettings {
  readonly callbackPlugins: readonly string[];
  readonly roles: readonly string[];
  readonly collections: readonly string[];
}

const pathsSchema = z.object({ name: z.string(), value: z.array(z.string()) });

/** Returns the search path with that name; empty where this version of Ansible has none. */
function pathsNamed(name: string, settings: readonly unknown[]): string[] {
  const found = settings
    .map((setting) => pathsSchema.safeParse(setting))
    .find(({ data }) => data?.name === name);
  return found?.data?.value ?? [];
}

/**
 * Reads the settings that apply in a folder.
 * @param options the folder, the environment and the signal of the later run of ansible-playbook.
 * @throws {VmbuildError} STEP_FAILED for an ansible.cfg that Ansible cannot read;
 *   HOST_PROGRAM_MISSING.
 */
export async function readSettings(
  options: Pick<RunOptions, "cwd" | "env" | "signal">,
): Promise<AnsibleSettings> {
  const args = ["dump", "--format", "json"];
  const result = await runProgram("ansible-config", args, { ...options, captureOutput: true });
  if (result.exitCode !== 0) {
    throw new VmbuildError("STEP_FAILED", "Ansible cannot read its settings", {
      lines: result.lastLines,
      hint: "Correct ansible.cfg, or the variables ANSIBLE_* of the environment.",
    });
  }
  const settings = z.array(z.unknown()).catch([]).parse(JSON.parse(result.stdout));
  return {
    callbackPlugins: pathsNamed("DEFAULT_CALLBACK_PLUGIN_PATH", settings),
    roles: pathsNamed("DEFAULT_ROLES_PATH", settings),
    collections: pathsNamed("COLLECTIONS_PATHS", settings),
  };
}
