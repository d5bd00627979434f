/** Runs a playbook with the Ansible of the guest, on a copy of the project. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuildError } from "../../errors.js";
import { makePrivateFolder } from "../../host/files.js";
import { Tail } from "../../host/lines.js";
import { shellQuote } from "../../host/programs.js";
import type { ActionContext } from "../action.js";
import { isInside } from "../project-files.js";
import { EXTRA_VARS_NAME, playbookArguments } from "./arguments.js";
import { copiedInventory, copyProject } from "./copy.js";
import type { PlaybookEnd } from "./failure.js";
import { galaxyError } from "./galaxy.js";
import { copiedPathsOf, hostPathsOf } from "./paths.js";
import type { AnsiblePaths } from "./paths.js";
import { PlayOutput } from "./play-output.js";
import { parseRequirements } from "./requirements-file.js";
import type { AnsibleAction } from "./schema.js";

/** Rejects a playbook outside its project folder, which would not be uploaded. */
function requireInProject(action: AnsibleAction, paths: AnsiblePaths): void {
  if (isInside(paths.playbook, paths.folder)) return;
  throw new VmbuildError(
    "TEMPLATE_INVALID",
    `ansible: the playbook ${paths.playbook} is not in the project folder ${paths.folder}`,
    { hint: `Set folder to a folder that contains ${action.ansible} and its roles.` },
  );
}

/** Rejects a guest without Ansible. */
async function requireAnsible({ guest }: ActionContext): Promise<void> {
  const found = await guest.ask("command -v ansible-playbook || true", "Looking for Ansible");
  if (found.length > 0) return;
  throw new VmbuildError("STEP_FAILED", "The guest has no ansible-playbook", {
    hint:
      "Install the package ansible-core in an earlier step (Debian, Ubuntu, Fedora, Alpine; older " +
      'ones: ansible), or let this host\'s Ansible connect to the guest with "in": "host".',
  });
}

/** Runs one program of Ansible in the guest, in the project's folder. */
async function runThere(
  command: readonly string[],
  folder: string,
  context: ActionContext,
  options: {
    readonly environment: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
    readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  },
): Promise<PlaybookEnd> {
  const content = `cd ${shellQuote(folder)} && exec ${command.map(shellQuote).join(" ")}\n`;
  return context.guest.run({ content, interpreter: ["/bin/sh"], ...options });
}

/** Returns the environment of Ansible in the guest. All files that it writes are below `root`. */
function guestEnvironment(
  action: AnsibleAction,
  { environment }: ActionContext,
  paths: AnsiblePaths,
  root: string,
): Record<string, string> {
  const { config, rolesPath } = paths;
  return {
    LC_ALL: "C.UTF-8",
    ANSIBLE_NOCOLOR: "1",
    ANSIBLE_FORCE_COLOR: "0",
    ANSIBLE_HOME: join(root, "home"),
    ANSIBLE_LOCAL_TEMP: join(root, "home/tmp"),
    ...(config === undefined ? {} : { ANSIBLE_CONFIG: config }),
    ...(rolesPath.length > 0 ? { ANSIBLE_ROLES_PATH: rolesPath.join(":") } : {}),
    ...environment,
    ...action.environment,
  };
}

/** Installs the requirements beside the playbook, where Ansible looks first. */
async function installThere(
  action: AnsibleAction,
  host: AnsiblePaths,
  there: AnsiblePaths,
  run: {
    readonly context: ActionContext;
    readonly environment: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  },
): Promise<void> {
  if (host.requirements === undefined || there.requirements === undefined) return;
  const beside = dirname(there.playbook);
  const environment = {
    ...run.environment,
    ANSIBLE_ROLES_PATH: join(beside, "roles"),
    ANSIBLE_COLLECTIONS_PATH: join(beside, "collections"),
  };
  const tail = new Tail();
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    tail.push(line);
    run.context.onLine(line, stream, "ansible-galaxy");
  };
  const command = ["ansible-galaxy", "install", "--role-file", there.requirements];
  const end = await runThere(command, there.folder, run.context, { ...run, environment, onLine });
  if (end.exitCode === 0) return;
  if (end.timedOut) {
    const name = `ansible-galaxy install (${action.requirements ?? ""})`;
    throw new VmbuildError("STEP_TIMEOUT", `${name} exceeded the action's timeout`, {
      lines: tail.lines,
    });
  }
  const found = parseRequirements(await readFile(host.requirements, "utf8"));
  throw galaxyError(action.requirements ?? "", found, tail.lines);
}

/** Copies the project, and uploads the copy into the folder `root` of the guest. */
async function uploadProject(
  action: AnsibleAction,
  paths: AnsiblePaths,
  root: string,
  context: ActionContext,
): Promise<void> {
  await makePrivateFolder(context.guest.scratchFolder);
  const scratch = await mkdtemp(join(context.guest.scratchFolder, "ansible-"));
  try {
    const copy = join(scratch, "copy");
    await copyProject(action, paths, copy, context.buildPaths ?? []);
    // Variables may contain secrets.
    await context.guest.ask(`mkdir -m 0700 ${shellQuote(root)}`, `Creating ${root}`);
    await context.guest.upload(copy, root);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Runs a playbook with the Ansible of the guest, as root.
 * @throws {VmbuildError} STEP_FAILED with playbook, task and host, or when the guest has no Ansible;
 *   STEP_TIMEOUT; INPUT_GALAXY; GUEST_LOST; TEMPLATE_INVALID for a playbook outside its project.
 */
export async function runInGuestItself(
  action: AnsibleAction,
  context: ActionContext,
): Promise<void> {
  const started = performance.now();
  const timeLeft = (): number => Math.max(1, context.timeoutMs - (performance.now() - started));
  const paths = hostPathsOf(action, context.templateFolder);
  requireInProject(action, paths);
  await requireAnsible(context);
  // Not in /tmp, which the playbook may mount or clean.
  const root = `/var/tmp/vmbuild-ansible-${randomUUID()}`;
  const there = copiedPathsOf(paths, root);
  const hasVariables = Object.keys(action.extraVars).length > 0;
  const files = {
    paths: there,
    inventory: copiedInventory(root),
    extraVars: hasVariables ? join(root, EXTRA_VARS_NAME) : undefined,
  };
  const output = new PlayOutput(context);
  let end: PlaybookEnd;
  try {
    await uploadProject(action, paths, root, context);
    const environment = guestEnvironment(action, context, there, root);
    await installThere(action, paths, there, { context, environment, timeoutMs: timeLeft() });
    const command = ["ansible-playbook", ...playbookArguments(action, files, "root")];
    end = await runThere(command, there.folder, context, {
      environment: { ...environment, VMBUILD_EVENT_MARK: output.mark },
      timeoutMs: timeLeft(),
      onLine: output.onLine,
    });
  } finally {
    await context.guest.ask(`rm -rf ${shellQuote(root)}`, `Removing ${root}`);
  }
  await output.finish(action, end);
}
