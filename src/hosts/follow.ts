/** Follows a run of another host, over connections that may be lost. */
import { z } from "zod";
import type { HostAddress } from "./address.js";
import { HostConnection } from "./connect.js";
import { endSchema, runSchema } from "./messages.js";
import { whileConnected } from "./reconnect.js";

/** Run of another host. */
export type RemoteRun = z.infer<typeof runSchema>;

/** Callbacks of {@link followRun}. */
export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Called with each line of the run's log. */
  readonly onLine: (line: string) => void;
  /** Called when all earlier lines have been passed on. */
  readonly onCaughtUp: () => void;
  /** Called when the connection was lost and will be opened again. */
  readonly onLost: () => void;
}

/**
 * Returns the run that a text names, as `vmbuild attach` of the other host does.
 * @throws {VmbuildError} BUILD_UNKNOWN, REMOTE_UNREACHABLE, REMOTE_VERSION.
 */
export async function findRemoteRun(
  address: HostAddress,
  run: string | undefined,
  signal: AbortSignal,
): Promise<RemoteRun> {
  using connection = await HostConnection.open(address, signal);
  return await connection.request(runSchema, { do: "find", ...(run === undefined ? {} : { run }) });
}

/**
 * Passes on the log of a run until the run has ended. After a lost connection, it goes on with the
 * next line.
 * @returns the state of the run and its outcome: the code of its error, or the path of the image.
 * @throws {VmbuildError} REMOTE_UNREACHABLE after ten minutes without a connection.
 */
export async function followRun(
  address: HostAddress,
  { name, runId }: Pick<RemoteRun, "name" | "runId">,
  { signal, onLine, onCaughtUp, onLost }: FollowOptions,
): Promise<z.infer<typeof endSchema>> {
  let count = 0;
  const take = (line: string): void => {
    if (line === "") return onCaughtUp();
    count++;
    onLine(line);
  };
  const options = { address, signal, onLost, progress: () => count };
  return whileConnected(options, (connection) =>
    connection.request(
      endSchema,
      { do: "events", name, run: runId, skip: count },
      { onLine: take },
    ),
  );
}

/** Resumes a run that is paused. */
export async function releaseRun(
  address: HostAddress,
  { name, runId }: Pick<RemoteRun, "name" | "runId">,
): Promise<void> {
  using connection = await HostConnection.open(address, new AbortController().signal);
  await connection.request(z.object({}), { do: "release", name, run: runId });
}
