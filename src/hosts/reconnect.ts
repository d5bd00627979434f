/** Repeats work on a connection that is lost, as long as it makes progress. */
import { VmbuildError } from "../errors.js";
import { abortableDelay } from "../host/delay.js";
import type { HostAddress } from "./address.js";
import { HostConnection } from "./connect.js";

/** Time without progress after which the work is given up. Milliseconds. */
const GIVE_UP_MS = 10 * 60_000;
/** Time after which a connection counts as progress by itself. Milliseconds. */
const STABLE_MS = 60_000;
/** Shortest and longest pause between two attempts. Milliseconds. */
const PAUSE_MS = [1000, 15_000] as const;

/** Options of {@link whileConnected}. */
export interface ReconnectOptions {
  readonly address: HostAddress;
  readonly signal: AbortSignal;
  /** Called when the connection was lost and will be opened again. */
  readonly onLost: () => void;
  /** Returns a number that grows with progress. */
  readonly progress: () => number;
}

const isLost = (error: unknown): boolean =>
  error instanceof VmbuildError && error.code === "REMOTE_UNREACHABLE";

/**
 * Does work on a connection to another host. When the connection is lost, the work is done again on
 * a new one. The first connection is tried once.
 * @throws the error of the work; REMOTE_UNREACHABLE after ten minutes without progress.
 */
export async function whileConnected<T>(
  { address, signal, onLost, progress }: ReconnectOptions,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  let since = performance.now();
  let reached = progress();
  let wasOpen = false;
  let pause: number = PAUSE_MS[0];
  for (;;) {
    let isOpen = false;
    const began = performance.now();
    try {
      using connection = await HostConnection.open(address, signal);
      [isOpen, wasOpen] = [true, true];
      return await work(connection);
    } catch (error) {
      signal.throwIfAborted();
      const lasted = isOpen && performance.now() - began > STABLE_MS;
      if (lasted || progress() > reached) [since, pause] = [performance.now(), PAUSE_MS[0]];
      reached = progress();
      if (!isLost(error) || !wasOpen || performance.now() - since > GIVE_UP_MS) throw error;
      if (isOpen) onLost();
    }
    await abortableDelay(pause, signal);
    pause = Math.min(pause * 2, PAUSE_MS[1]);
  }
}
