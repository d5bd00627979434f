/** Gives steps access to an existing machine, as they have to the guest of a build. */
import { VmbuildError } from "../errors.js";
import type { Connection } from "../guest/connection.js";
import { Guest } from "../guest/guest.js";
import type { Privilege } from "../guest/launcher.js";
import { findPrivilege } from "../guest/privilege.js";
import type { Step } from "../steps/schema.js";
import type { CommonContext } from "../run/context.js";
import type { Machine } from "./connect.js";
import type { Relay } from "./ssh/relay.js";

/**
 * Determines how the user becomes root. Nothing is changed for that on a machine that exists: sudo
 * must not ask for a password.
 */
async function privilegeOf(
  connection: Connection,
  { settings }: Machine,
  signal: AbortSignal,
): Promise<Privilege> {
  try {
    return await findPrivilege(connection, { user: settings.user }, signal);
  } catch (error) {
    if (!(error instanceof VmbuildError) || error.code !== "GUEST_SHELL") throw error;
    const { spec, user } = settings;
    throw new VmbuildError("GUEST_SHELL", `${spec.text}: ${error.message}`, {
      lines: error.lines,
      hint: `Log in as root, or allow ${user} to run all commands by sudo without a password (NOPASSWD), or by doas (nopass).`,
    });
  }
}

/** Returns whether a step has actions by which a program of this host may log in to the machine. */
export function mayLogIn({ actions }: Step): boolean {
  return actions.some(
    ({ type, value }) => type.runsOn === "host" || type.programs(value as never).includes("ssh"),
  );
}

/**
 * Connects to a machine.
 * @param waitMs time during which the first connection is tried again. Milliseconds.
 * @param relay by which programs of this host reach the machine; undefined where none does.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_AUTH, GUEST_HOST_KEY, GUEST_SHELL, GUEST_LOST.
 */
export async function connectGuest(
  context: CommonContext,
  machine: Machine,
  { waitMs, relay }: { readonly waitMs: number; readonly relay: Relay | undefined },
): Promise<Guest> {
  const { workspace, emit } = context;
  const { signal } = context.options;
  const { target, settings } = machine;
  return context.phase(
    "connect",
    async () => {
      const connection = await machine.connect(waitMs, signal);
      const privilege = await privilegeOf(connection, machine, signal);
      return new Guest({
        connection,
        connect: (timeoutMs, either) => machine.connect(timeoutMs, either),
        servers: () => (relay ? [{ ...target, open: undefined, port: relay.port }] : []),
        slot: undefined,
        outlivesRun: true,
        user: settings.user,
        privilege,
        scratchFolder: workspace.run.scratch,
        emit,
        signal,
      });
    },
    { detail: () => `${settings.user}@${settings.hostname}` },
  );
}
