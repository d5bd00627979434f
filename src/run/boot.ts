/** Starts a machine and connects to its guest. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { buildKey } from "../guest/build-target.js";
import type { Capabilities } from "../guest/capabilities.js";
import type { Privilege } from "../guest/launcher.js";
import { findPrivilege } from "../guest/privilege.js";
import { RESCUE_SSH_PORT, prepareGuest } from "../guest/rescue-sshd.js";
import { LearnedHostKey } from "../guest/host-key.js";
import { requireShownHostKey } from "../guest/console-host-keys.js";
import { grantLogin } from "../guest/grant-login.js";
import { firstConnection } from "../guest/first-connection.js";
import { Guest } from "../guest/guest.js";
import { waitUntilReady } from "../guest/readiness.js";
import { connectOnce } from "../guest/connection.js";
import type { Connection, SshTarget } from "../guest/connection.js";
import type { Seed } from "../seed/kind.js";
import { saveLearnedHost } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";
import { attachSeed } from "../seed/media.js";
import { writeFileAtomic } from "../host/files.js";
import { runtimeFolder } from "../host/paths.js";
import { readConsoleTail } from "../machine/console.js";
import { plugReadOnlyDisk } from "../machine/hotplug.js";
import { launchMachine } from "../machine/machine.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { serveScreen } from "../machine/serve-screen.js";
import type { Control } from "../builds/control.js";
import type { RunContext, ContextWith } from "./context.js";
import { baseLetsIn } from "../requirements/login.js";
import type { LoginPlan } from "../requirements/login.js";
import { planMachine } from "../requirements/plan.js";
import { completeShape } from "../machine/shape.js";
import { guestServer, hostKeyOf, loginOf, rescueServer, serversFor } from "./access.js";
import type { SshAccess } from "./access.js";
import type { Prepared } from "./prepare.js";
import { restoreHostname, waitForSeed, withSeedHint } from "./seed-services.js";

/**
 * Starts the machine and records its ports for `vmbuild ssh`.
 * @param options `paused`: the CPUs are stopped, so that a snapshot can be loaded.
 */
export async function bootMachine(
  context: RunContext,
  prepared: Prepared,
  control: Control,
  { paused = false }: { readonly paused?: boolean } = {},
): Promise<RunningMachine> {
  const { template, workspace, emit, options } = context;
  const { work, run, runId } = workspace;
  const { host } = prepared;
  const shape = completeShape(planMachine(template), host.accelerator);
  const firmware = host.uefi && { code: host.uefi.code, variables: work.firmwareVariables };
  const launch = async (): Promise<RunningMachine> =>
    launchMachine({
      shape,
      files: {
        disk: work.disk,
        disksFolder: work.disks,
        ...attachSeed(prepared.seed.media, work.seed),
        console: run.console,
        guestSshPort: template.ssh.port,
        ...(firmware ? { firmware } : {}),
      },
      runtimeFolder: await runtimeFolder(),
      runId,
      log: run.qemuLog,
      emit,
      signal: options.signal,
      paused,
      forwards: [{ guest: RESCUE_SSH_PORT }],
    });
  const machine = paused
    ? await launch()
    : await context.phase("boot", launch, { detail: ({ pid }) => `QEMU runs as process ${pid}` });
  const { pid, sshPort, ports } = machine;
  const rescuePort = ports.get(RESCUE_SSH_PORT);
  const { user } = template.ssh;
  const qemu = { program: shape.binary, arguments: machine.arguments, pid, sshPort };
  try {
    await writeFileAtomic(run.qemu, `${JSON.stringify(qemu, null, 2)}\n`, 0o600);
    await workspace.update({
      machine: {
        pid,
        sshPort,
        secondPort: rescuePort,
        user,
        control: control.path,
        keys: work.keys,
      },
    });
    serveScreen(control, machine, run.screens);
    return machine;
  } catch (error) {
    // The caller does not have the machine yet, so it cannot stop it.
    await machine.kill();
    throw error;
  }
}

/**
 * Drops a connection when the machine is reset: SSH would otherwise wait for a guest that no longer
 * knows the connection.
 */
function dropOnReset(connection: Connection, { machine }: SshAccess): Connection {
  const reason = new VmbuildError("GUEST_LOST", "The guest restarted while it was needed", {
    hint:
      "To restart the guest, use a reboot action, which waits until the guest answers again, or set " +
      '"expectReboot": true for a script that restarts it by itself.',
  });
  const stop = machine.onEvent(({ event }) => {
    if (event === "RESET") connection.drop(reason);
  });
  connection.client.once("close", stop);
  return connection;
}

/** Connects to an SSH server of the guest, by default the guest's own. */
export async function connectSsh(
  access: SshAccess,
  timeoutMs: number,
  signal: AbortSignal,
  target: SshTarget = guestServer(access),
): Promise<Connection> {
  const { machine, emit, console } = access;
  const connection = await waitUntilReady({
    target,
    timeoutMs,
    emit,
    signal,
    readConsole: () => readConsoleTail(console),
  });
  machine.guestAnswered();
  return dropOnReset(connection, access);
}

/**
 * Delay before the guest's own SSH server is tried. The rescue SSH server, if it runs, answers as
 * soon as the guest resumes. Milliseconds.
 */
const GUEST_SSHD_DELAY_MS = 3000;
/** Time limit for the rescue SSH server, which may not run in this guest. */
const RESCUE_SSHD_TIMEOUT_MS = 60_000;

/** Time limit. A restored guest answers at once, unless the host is very busy. Milliseconds. */
export const RESTORED_TIMEOUT_MS = 120_000;

/**
 * Connects to a restored guest through the rescue SSH server or the guest's own. Both are tried
 * until one answers: a firewall may block one of them, and a clean-up step may have disabled the
 * guest's own. A guest that is known to have no rescue server is reached by its own at once.
 * @param known capabilities of the guest, where the checkpoint recorded them.
 * @throws {VmbuildError} the error of the guest's own server when neither answers.
 */
export function connectSshRestored(
  access: SshAccess,
  timeoutMs: number,
  known?: Capabilities,
): Promise<Connection> {
  const { signal, emit } = access;
  if (known?.rescueServer === false) return connectSsh(access, timeoutMs, signal);
  // The stages of both attempts would be mixed up in the output; only the rescue server's are
  // shown.
  const quiet: Emit = (event) => (event.type === "guest.stage" ? undefined : emit(event));
  const viaGuestSshd = async (either: AbortSignal): Promise<Connection> => {
    await delay(GUEST_SSHD_DELAY_MS, undefined, { signal: either });
    return connectSsh({ ...access, emit: quiet }, timeoutMs, either);
  };
  const viaRescueSshd = (either: AbortSignal): Promise<Connection> =>
    connectSsh(access, Math.min(timeoutMs, RESCUE_SSHD_TIMEOUT_MS), either, rescueServer(access));
  return firstConnection([viaGuestSshd, viaRescueSshd], signal);
}

/** Login, keys and seed of a run. */
interface RunLogin {
  readonly plan: LoginPlan;
  readonly keys: BuildKeys;
  readonly seed: Seed;
}

function sshAccessOf(
  { workspace, emit, options }: ContextWith<"workspace" | "emit" | "options">,
  machine: RunningMachine,
  { plan, keys, seed }: RunLogin,
): SshAccess {
  const signal = AbortSignal.any([options.signal, machine.death]);
  const { console } = workspace.run;
  const [login, hostKey] = [loginOf(plan, keys), hostKeyOf(plan, keys, seed)];
  return { machine, keys, login, hostKey, console, emit, signal };
}

/** What is known of a guest when it is connected. */
interface KnownGuest {
  readonly seed: Seed;
  readonly privilege: Privilege;
  readonly capabilities?: Capabilities | undefined;
}

function createGuest(
  context: ContextWith<"workspace" | "emit" | "template">,
  access: SshAccess,
  connection: Connection,
  { seed, ...known }: KnownGuest,
): Guest {
  const { workspace, emit } = context;
  const { machine, keys, login, signal } = access;
  const { user } = login;
  return new Guest({
    ...known,
    connection,
    connect: (timeoutMs, either) => connectSsh(access, timeoutMs, either),
    afterReboot: async (guest) => {
      await prepareGuest(guest, { keys, user });
      await restoreHostname(context, seed, guest);
    },
    servers: (guest) => serversFor(access, guest),
    slot: { plug: (path) => plugReadOnlyDisk(machine, path) },
    user,
    resets: () => machine.resets,
    scratchFolder: workspace.run.scratch,
    emit,
    signal,
  });
}

/**
 * Waits until the guest is ready, including the service that applies its seed. A guest
 * that let the build in by the template's credentials gets the build's key.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_BOOT, GUEST_HOST_KEY, GUEST_AUTH, GUEST_CLOUD_INIT.
 */
export async function connectGuest(
  context: RunContext,
  machine: RunningMachine,
  login: RunLogin,
): Promise<Guest> {
  const { template, emit, workspace } = context;
  const access = sshAccessOf(context, machine, login);
  return context.phase("connect", async () => {
    const connection = await connectSsh(access, template.ssh.timeout, access.signal).catch(
      (error: unknown) => {
        throw withSeedHint(error, login.seed);
      },
    );
    const learned = access.hostKey instanceof LearnedHostKey ? access.hostKey.known : undefined;
    if (learned !== undefined) await saveLearnedHost(learned, workspace.work.keys);
    const privilege = await findPrivilege(connection, access.login, access.signal);
    const guest = createGuest(context, access, connection, { privilege, seed: login.seed });
    if (baseLetsIn(login.plan, login.keys.base)) await addBuildKey(access, guest);
    await waitForSeed(login.seed, guest, { restartMs: template.ssh.timeout, emit });
    if (learned !== undefined) await requireShownHostKey(workspace.run.console, learned);
    return guest;
  });
}

/** Time limit of the connection that tries the build's key. Milliseconds. */
const TRY_KEY_MS = 60_000;

/** Adds the build's key to a guest that was entered with the template's credentials. */
function addBuildKey(access: SshAccess, guest: Guest): Promise<void> {
  const { keys, login, emit, signal } = access;
  const withKey = { ...login, keys: [buildKey(keys)], password: undefined };
  const tryKey = async (): Promise<void> => {
    const target = { ...guestServer(access), login: withKey };
    (await connectOnce(target, TRY_KEY_MS, signal)).close();
  };
  const publicKey = keys.client.public;
  return grantLogin({ guest, login, publicKey, tryKey, emit, signal });
}

/**
 * Connects to a guest that was restored from a snapshot.
 * @param capabilities of the guest, where the checkpoint recorded them.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_HOST_KEY, GUEST_AUTH.
 */
export async function reconnectGuest(
  context: RunContext,
  machine: RunningMachine,
  login: RunLogin,
  capabilities?: Capabilities,
): Promise<Guest> {
  const access = sshAccessOf(context, machine, login);
  return context.phase("connect", async () => {
    const connection = await connectSshRestored(access, RESTORED_TIMEOUT_MS, capabilities);
    const privilege =
      capabilities?.privilege ?? (await findPrivilege(connection, access.login, access.signal));
    const known = { privilege, capabilities, seed: login.seed };
    return createGuest(context, access, connection, known);
  });
}
