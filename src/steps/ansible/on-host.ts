/** Runs a playbook with the Ansible of this host, which connects to the guest over SSH. */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { writeSshFiles } from "../../guest/ssh-files.js";
import type { SshFiles } from "../../guest/ssh-files.js";
import { makePrivateFolder, statIfThere } from "../../host/files.js";
import { runtimeFolder } from "../../host/paths.js";
import { runProgram } from "../../host/programs.js";
import type { ActionContext } from "../action.js";
import {
  EXTRA_VARS_NAME,
  commonEnvironment,
  galaxyFolders,
  playbookArguments,
} from "./arguments.js";
import type { RunFiles } from "./arguments.js";
import type { PlaybookEnd } from "./failure.js";
import { installRequirements } from "./galaxy.js";
import { INVENTORY_NAME, inventoryText, sshVariables } from "./inventory.js";
import { VARIABLE_FOLDERS, hostPathsOf } from "./paths.js";
import type { AnsiblePaths } from "./paths.js";
import { followRestarts } from "./restarts.js";
import { PlayOutput } from "./play-output.js";
import { CALLBACK_PLUGINS } from "./plugins.js";
import type { AnsibleAction } from "./schema.js";
import { readSettings } from "./settings.js";

/**
 * Length up to which the folder of a socket is usable: a socket's path has at most 107 bytes, of
 * which the user's name (32) and the ending that ssh adds (17) need 51.
 */
const MAX_CONTROL_FOLDER = 107 - 51;

/** Creates the folder for the socket of a shared connection; undefined where its path is too long. */
async function makeControlFolder(): Promise<string | undefined> {
  const folder = await mkdtemp(join(await runtimeFolder(), "a-"));
  if (Buffer.byteLength(folder) <= MAX_CONTROL_FOLDER) return folder;
  await rm(folder, { recursive: true });
  return undefined;
}

/** Ends the shared connections, which would otherwise stay open for a minute. */
async function closeConnections(controlFolder: string | undefined): Promise<void> {
  if (controlFolder === undefined) return;
  for (const name of await readdir(controlFolder)) {
    const socket = `ControlPath=${join(controlFolder, name)}`;
    // The host name is not used, but ssh requires one. A connection that has ended is no error.
    await runProgram("ssh", ["-F", "/dev/null", "-o", socket, "-O", "exit", "guest"]);
  }
  await rm(controlFolder, { recursive: true, force: true });
}

/** Writes the files of one run to its private folder. */
async function writeRunFiles(
  action: AnsibleAction,
  paths: AnsiblePaths,
  run: { readonly scratch: string; readonly variables: ReturnType<typeof sshVariables> },
): Promise<RunFiles> {
  const folder = join(run.scratch, "inventory");
  await mkdir(folder);
  const inventory = join(folder, INVENTORY_NAME);
  await writeFile(inventory, inventoryText(action, run.variables), { mode: 0o600 });
  for (const name of paths.inventory === undefined ? [] : VARIABLE_FOLDERS) {
    const target = join(paths.inventory ?? "", name);
    if (await statIfThere(target)) await symlink(target, join(folder, name));
  }
  if (Object.keys(action.extraVars).length === 0) return { paths, inventory, extraVars: undefined };
  const extraVars = join(run.scratch, EXTRA_VARS_NAME);
  await writeFile(extraVars, JSON.stringify(action.extraVars), { mode: 0o600 });
  return { paths, inventory, extraVars };
}

/** Parts of one run of Ansible on this host. */
interface HostRun {
  readonly paths: AnsiblePaths;
  readonly context: ActionContext;
  /** Private folder of the run. */
  readonly scratch: string;
  /** Aborts when the run is cancelled or the time is over. */
  readonly signal: AbortSignal;
}

/** Returns the environment of ansible-playbook. */
async function playbookEnvironment(
  action: AnsibleAction,
  { paths, context, scratch, signal }: HostRun,
  mark: string,
): Promise<Record<string, string | undefined>> {
  const { folder, requirements: path, rolesPath } = paths;
  const environment = commonEnvironment(action, context.environment, paths);
  const settings = await readSettings({ cwd: folder, env: environment, signal });
  const job = { name: action.requirements ?? "", folder, environment, signal, scratch };
  const galaxy =
    path === undefined
      ? undefined
      : galaxyFolders(await installRequirements({ ...job, path }, context));
  const installed = (part: "roles" | "collections"): string[] => (galaxy ? [galaxy[part]] : []);
  const roles = [...rolesPath, ...installed("roles"), ...settings.roles];
  return {
    ...environment,
    VMBUILD_EVENT_MARK: mark,
    ANSIBLE_CALLBACK_PLUGINS: [CALLBACK_PLUGINS, ...settings.callbackPlugins].join(delimiter),
    ...(roles.length === settings.roles.length
      ? {}
      : { ANSIBLE_ROLES_PATH: roles.join(delimiter) }),
    ...(galaxy === undefined
      ? {}
      : {
          ANSIBLE_COLLECTIONS_PATHS: undefined,
          ANSIBLE_COLLECTIONS_PATH: [galaxy.collections, ...settings.collections].join(delimiter),
        }),
  };
}

/** Runs ansible-playbook to its end or to its deadline. */
async function play(
  args: readonly string[],
  env: Record<string, string | undefined>,
  run: HostRun,
  onLine: (line: string, stream: "stdout" | "stderr") => void,
): Promise<PlaybookEnd> {
  const { guest, timeoutMs } = run.context;
  const { exitCode, signal } = await followRestarts(guest, timeoutMs, (lost) =>
    runProgram("ansible-playbook", args, {
      cwd: run.paths.folder,
      env,
      signal: AbortSignal.any([run.signal, lost]),
      processGroup: true,
      onLine,
    }),
  );
  return { exitCode, signal: signal?.replace(/^SIG/, "") ?? null, timedOut: false };
}

/** Removes the folders for temporary files that Ansible leaves in the home of the guest's user. */
async function removeEmptyFolders({ guest }: ActionContext, { user }: SshFiles): Promise<void> {
  await guest.ask(
    `eval "home=~${user}"; rmdir "$home/.ansible/tmp" "$home/.ansible" 2>/dev/null || true`,
    "Removing Ansible's empty folders",
  );
}

/**
 * Runs a playbook with the Ansible of this host.
 * @throws {VmbuildError} STEP_FAILED with playbook, task and host; STEP_TIMEOUT; INPUT_GALAXY;
 *   GUEST_AUTH; HOST_PROGRAM_MISSING.
 */
export async function runOnHost(action: AnsibleAction, context: ActionContext): Promise<void> {
  const deadline = AbortSignal.timeout(context.timeoutMs);
  const signal = AbortSignal.any([context.signal, deadline]);
  const paths = hostPathsOf(action, context.templateFolder);
  const output = new PlayOutput(context);
  await makePrivateFolder(context.guest.scratchFolder);
  const scratch = await mkdtemp(join(context.guest.scratchFolder, "ansible-"));
  let controlFolder: string | undefined;
  let end: PlaybookEnd;
  try {
    const run: HostRun = { paths, context, scratch, signal };
    const env = await playbookEnvironment(action, run, output.mark);
    const ssh = await writeSshFiles(context.guest);
    controlFolder = await makeControlFolder();
    const variables = sshVariables(ssh, controlFolder);
    const files = await writeRunFiles(action, paths, { scratch, variables });
    end = await play(playbookArguments(action, files, ssh.privilege), env, run, output.onLine);
    await removeEmptyFolders(context, ssh);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    end = { exitCode: null, signal: null, timedOut: true };
  } finally {
    await closeConnections(controlFolder);
    await rm(scratch, { recursive: true, force: true });
  }
  await output.finish(action, end);
}
