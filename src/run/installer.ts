/** Provides the machine in which an installer runs, before the run's own machine exists. */
import type { InstallerContext } from "../base/kind.js";
import type { Control } from "../builds/control.js";
import { VmbuildError } from "../errors.js";
import type { Connection } from "../guest/connection.js";
import { Guest } from "../guest/guest.js";
import type { Login } from "../guest/login.js";
import { findPrivilege } from "../guest/privilege.js";
import { waitUntilReady } from "../guest/readiness.js";
import { runtimeFolder } from "../host/paths.js";
import type { InstallerMachine } from "../install/run-installer.js";
import { readConsoleTail } from "../machine/console.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { keepScreens } from "../machine/screen-keeper.js";
import type { ScreenKeeper } from "../machine/screen-keeper.js";
import { serveScreen } from "../machine/serve-screen.js";
import { completeShape } from "../machine/shape.js";
import { stopMachine } from "../machine/stop.js";
import type { HostFacts } from "../requirements/host.js";
import type { LoginPlan } from "../requirements/login.js";
import { planMachine } from "../requirements/plan.js";
import type { KeyPair } from "../seed/keys.js";
import { referencesOf } from "../template/references.js";
import { keysOfBase, ownHostKey } from "./access.js";
import type { RunContext } from "./context.js";

/**
 * Time limit for one wait for the installed system. The limit of the installation ends it earlier.
 * Milliseconds.
 */
const LOGIN_TIMEOUT_MS = 24 * 3_600_000;

/** Returns whether another attempt may reach the installed system instead of the installer's. */
function isOtherServer(error: unknown): boolean {
  return error instanceof VmbuildError && ["GUEST_AUTH", "GUEST_HOST_KEY"].includes(error.code);
}

/**
 * Waits until the installed system accepts a login. Installers have SSH servers of their own, which
 * refuse it.
 */
async function waitForLogin(
  context: RunContext,
  machine: RunningMachine,
  { plan, login }: { readonly plan: LoginPlan; readonly login: Login },
  signal: AbortSignal,
): Promise<Connection> {
  for (;;) {
    const hostKey = ownHostKey(plan);
    try {
      return await waitUntilReady({
        target: { port: machine.sshPort, login, hostKey },
        timeoutMs: LOGIN_TIMEOUT_MS,
        // The stages would be those of the installer.
        emit: () => {},
        signal,
        readConsole: () => readConsoleTail(context.workspace.run.console),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!isOtherServer(error)) throw error;
    }
  }
}

/** Enters the installed system. Returns a function that shuts it down. */
async function enter(
  context: RunContext,
  machine: RunningMachine,
  login: { readonly plan: LoginPlan; readonly login: Login },
  untilEntered: AbortSignal,
): Promise<() => Promise<void>> {
  const { emit, workspace, options } = context;
  const signal = AbortSignal.any([options.signal, machine.death]);
  const connection = await waitForLogin(context, machine, login, untilEntered);
  const guest = new Guest({
    connection,
    connect: () => waitForLogin(context, machine, login, signal),
    slot: undefined,
    user: login.login.user,
    privilege: await findPrivilege(connection, login.login, untilEntered),
    scratchFolder: workspace.run.scratch,
    emit,
    signal,
  });
  const poweroff = (): Promise<void> => guest.poweroff(undefined);
  return async () => void (await stopMachine(machine, { emit, signal, poweroff }));
}

/** Records the machine of an installer, and keeps its screens. */
async function watch(
  { workspace, template }: RunContext,
  control: Control,
  machine: RunningMachine,
): Promise<ScreenKeeper> {
  const { run, work } = workspace;
  const { pid, sshPort } = machine;
  const { user } = template.ssh;
  await workspace.update({
    machine: { pid, sshPort, user, control: control.path, keys: work.keys },
  });
  serveScreen(control, machine, run.screens);
  const keeper = keepScreens({ machine, folder: run.screens });
  return {
    ...keeper,
    async [Symbol.asyncDispose]() {
      await keeper[Symbol.asyncDispose]();
      await workspace.update({ machine: undefined });
    },
  };
}

/** Parts of a run that an installer needs. */
interface InstallerParts {
  readonly context: RunContext;
  /** Undefined for a preview, which runs no installer. */
  readonly control: Control | undefined;
  readonly login: LoginPlan;
}

function notInstalledError(): VmbuildError {
  const message = "The base is not installed yet: a run installs it, and then runs all steps";
  return new VmbuildError("BASE_INSTALL", message, { hint: "Run the command without --explain." });
}

/** Returns the context of bases that an installer creates. */
export function installerContext(
  { context, control, login: plan }: InstallerParts,
  host: () => Promise<HostFacts>,
): InstallerContext {
  const { template, workspace } = context;
  // An installer must not take a further disk for the system's.
  const machine = { ...planMachine(template), disks: [] };
  return {
    references: referencesOf(template),
    machine,
    keepsSize: template.machine.skipResize,
    async prepare(key: KeyPair | undefined) {
      if (control === undefined) throw notInstalledError();
      const { accelerator, uefi } = await host();
      const login = { user: plan.user, keys: keysOfBase(plan, key), password: plan.password };
      const installer: InstallerMachine = {
        shape: completeShape(machine, accelerator),
        console: workspace.run.console,
        qemuLog: workspace.run.qemuLog,
        scratch: workspace.run.scratch,
        runtimeFolder: await runtimeFolder(),
        runId: workspace.runId,
        watch: (running) => watch(context, control, running),
        enter: (running, signal) => enter(context, running, { plan, login }, signal),
      };
      return { machine: installer, uefi };
    },
  };
}
