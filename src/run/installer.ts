/** Provides the machine in which an installer runs, before the run's own machine exists. */
import { join } from "node:path";
import type { InstallerContext } from "../base/kind.js";
import { openControl } from "../builds/control.js";
import { VmbuildError } from "../errors.js";
import type { Connection } from "../guest/connection.js";
import { Guest } from "../guest/guest.js";
import { LearnedHostKey, givenHostKey } from "../guest/host-key.js";
import type { Login } from "../guest/login.js";
import { waitUntilReady } from "../guest/readiness.js";
import { runtimeFolder } from "../host/paths.js";
import type { InstallerMachine, KeptScreens } from "../install/run-installer.js";
import { readConsoleTail } from "../machine/console.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { completeShape } from "../machine/shape.js";
import { stopMachine } from "../machine/stop.js";
import type { HostFacts } from "../requirements/host.js";
import type { LoginPlan } from "../requirements/login.js";
import { planMachine } from "../requirements/plan.js";
import type { KeyPair } from "../seed/keys.js";
import { referencesOf } from "../template/references.js";
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
    const hostKey =
      plan.hostKey === undefined ? new LearnedHostKey(undefined) : givenHostKey(plan.hostKey);
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

/** Enters the installed system, and shuts it down. */
async function enterAndStop(
  context: RunContext,
  machine: RunningMachine,
  login: { readonly plan: LoginPlan; readonly login: Login },
  signal: AbortSignal,
): Promise<void> {
  const { emit, workspace } = context;
  const connection = await waitForLogin(context, machine, login, signal);
  const guest = new Guest({
    connection,
    connect: () => waitForLogin(context, machine, login, signal),
    slot: undefined,
    user: login.login.user,
    scratchFolder: workspace.run.scratch,
    emit,
    signal,
  });
  await stopMachine(machine, { emit, signal, poweroff: () => guest.poweroff(undefined) });
}

/** Records the machine of an installer for `vmbuild screen`, and keeps its screens. */
async function watch(context: RunContext, machine: RunningMachine): Promise<KeptScreens> {
  const { workspace, template } = context;
  const { runId, work } = workspace;
  const control = await openControl(join(await runtimeFolder(), `${runId}.ctl`));
  const { pid, sshPort } = machine;
  const { user } = template.ssh;
  await workspace.update({
    machine: { pid, sshPort, user, control: control.path, keys: work.keys },
  });
  return {
    latest: () => undefined,
    capture: () => Promise.resolve(undefined),
    async [Symbol.asyncDispose]() {
      await control[Symbol.asyncDispose]();
      await workspace.update({ machine: undefined });
    },
  };
}

/** Returns the context of bases that an installer creates. */
export function installerContext(
  context: RunContext,
  plan: LoginPlan,
  host: () => Promise<HostFacts>,
): InstallerContext {
  const { template, workspace } = context;
  const machine = planMachine(template);
  return {
    references: referencesOf(template),
    machine,
    async prepare(key: KeyPair | undefined) {
      const { accelerator, uefi } = await host();
      const privateKeys = [key?.private, plan.privateKey].filter((text) => text !== undefined);
      const login = { user: plan.user, privateKeys, password: plan.password };
      const installer: InstallerMachine = {
        shape: completeShape(machine, accelerator),
        console: workspace.run.console,
        qemuLog: workspace.run.qemuLog,
        scratch: workspace.run.scratch,
        runtimeFolder: await runtimeFolder(),
        runId: workspace.runId,
        watch: (running) => watch(context, running),
        enterAndStop: (running, signal) => enterAndStop(context, running, { plan, login }, signal),
      };
      return { machine: installer, uefi };
    },
  };
}
