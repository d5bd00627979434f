/** From a prepared disk to a guest that lets the build in. */
import { Guest } from "../guest/guest.js";
import { waitForCloudInit } from "../guest/cloud-init.js";
import { waitUntilReady } from "../guest/readiness.js";
import type { Connection } from "../guest/connection.js";
import type { BuildKeys } from "../guest/keys.js";
import { writeWhole } from "../host/files.js";
import { runtimeFolder } from "../host/paths.js";
import { readConsoleTail } from "../machine/console.js";
import { plugReadOnlyDisk } from "../machine/hotplug.js";
import { launchMachine } from "../machine/machine.js";
import type { RunningMachine } from "../machine/machine.js";
import type { Control } from "./control.js";
import { phase } from "./context.js";
import type { RunContext } from "./context.js";
import { planMachine } from "./plan.js";
import type { Prepared } from "./prepare.js";

/**
 * Starts the machine and tells `vmbuild ssh` where it is.
 * @param options `paused`: it stands still, for a state to be loaded.
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
  const shape = planMachine(template, host.accelerator);
  const firmware = host.uefi && { code: host.uefi.code, variables: work.firmwareVariables };
  const launch = async (): Promise<RunningMachine> =>
    launchMachine({
      shape,
      version: host.qemu,
      files: {
        disk: work.disk,
        readOnlyDisks: [work.seed],
        console: run.console,
        ...(firmware ? { firmware } : {}),
      },
      runtimeFolder: await runtimeFolder(),
      runId,
      log: run.qemuLog,
      emit,
      signal: options.signal,
      paused,
    });
  const machine = paused
    ? await launch()
    : await phase(emit, "boot", launch, ({ pid }) => `QEMU runs as process ${pid}`);
  const { pid, sshPort } = machine;
  const { user } = template.ssh;
  const qemu = { program: shape.binary, arguments: machine.arguments, pid, sshPort };
  await writeWhole(run.qemu, `${JSON.stringify(qemu, null, 2)}\n`, 0o600);
  await workspace.update({
    machine: { pid, sshPort, user, control: control.path, keys: work.keys },
  });
  return machine;
}

/**
 * Waits until the guest is ready, with cloud-init done where the template brought user-data.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_BOOT, GUEST_HOST_KEY, GUEST_AUTH, GUEST_CLOUD_INIT.
 */
export async function connectGuest(
  context: RunContext,
  prepared: Prepared,
  machine: RunningMachine,
  keys: BuildKeys,
  timeoutMs: number = context.template.ssh.timeout,
): Promise<Guest> {
  const { template, workspace, emit, options, meter } = context;
  const signal = AbortSignal.any([options.signal, machine.death]);
  const connect = (timeoutMs: number, either: AbortSignal): Promise<Connection> =>
    waitUntilReady({
      target: { port: machine.sshPort, user: template.ssh.user, keys },
      timeoutMs,
      emit,
      signal: either,
      readConsole: () => readConsoleTail(workspace.run.console),
    });
  return phase(emit, "connect", () =>
    meter.waitFor(async () => {
      const guest = new Guest({
        connection: await connect(timeoutMs, signal),
        connect,
        slot: prepared.host.qemu.hotplug
          ? { plug: (path) => plugReadOnlyDisk(machine, path) }
          : undefined,
        sudo: template.ssh.user !== "root",
        scratchFolder: workspace.run.scratch,
        emit,
        signal,
      });
      if (template.seed.userData !== undefined) await waitForCloudInit(guest);
      return guest;
    }),
  );
}
