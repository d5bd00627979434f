/** Sends a bundle to another host and starts its run there. */
import { createReadStream } from "node:fs";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import type { Bundle } from "./bundle.js";
import type { HostConnection } from "./connect.js";
import { missingSchema, runSchema } from "./messages.js";
import type { BundleEntry, HostRequest } from "./messages.js";

type FileEntry = Extract<BundleEntry, { type: "file" }>;

/** Files that are sent before their answers are read, which are small. */
const BATCH = 256;

/** Bytes that have been sent of those that have to be. */
export type OnSent = (done: number, total: number) => void;

async function* partsOf(path: string, from: number): AsyncGenerator<Buffer> {
  for await (const part of createReadStream(path, { start: from, highWaterMark: 256 * 1024 })) {
    yield part as Buffer;
  }
}

/** Sends the rest of a file. */
async function sendFile(
  connection: HostConnection,
  { path, sha256, size }: FileEntry,
  from: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const changed = new VmbuildError("REMOTE_BUNDLE", `${path} was changed while it was sent`, {
    hint: "Run the command again.",
  });
  if (Number((await statIfThere(path))?.size ?? -1) !== size) throw changed;
  const bytes = size - from;
  const payload = (async function* () {
    let sent = 0;
    if (bytes > 0) {
      for await (const part of partsOf(path, from)) {
        sent += part.length;
        // More bytes than announced would be taken for a message.
        if (sent > bytes) throw changed;
        onBytes(part.length);
        yield part;
      }
    }
    if (sent < bytes) throw changed;
  })();
  await connection.send({ do: "put", sha256, size, from, bytes }, payload);
}

/**
 * Sends what the other host lacks of a bundle. A file that an earlier attempt has sent in part is
 * continued.
 * @returns the bytes that were sent.
 * @throws {VmbuildError} REMOTE_BUNDLE for a file that changes meanwhile; REMOTE_UNREACHABLE.
 */
export async function sendBundle(
  connection: HostConnection,
  { entries }: Bundle,
  onSent: OnSent = () => {},
): Promise<number> {
  const files = new Map<string, FileEntry>();
  for (const entry of entries) if (entry.type === "file") files.set(entry.sha256, entry);
  const contents = [...files.values()].map(({ sha256, size }) => ({ sha256, size }));
  const { missing } = await connection.request(missingSchema, { do: "offer", contents });
  const wanted = missing.flatMap(({ sha256, have }) => {
    const file = files.get(sha256);
    return file === undefined || have > file.size ? [] : [{ file, have }];
  });
  const total = wanted.reduce((sum, { file, have }) => sum + file.size - have, 0);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    onSent(done, total);
  };
  // On a distant host, many small files would otherwise wait for each other's answer.
  for (let first = 0; first < wanted.length; first += BATCH) {
    const batch = wanted.slice(first, first + BATCH);
    for (const { file, have } of batch) await sendFile(connection, file, have, onBytes);
    for (const _file of batch) await connection.receive(z.object({}));
  }
  return total;
}

/** Run that is started on another host. */
export type StartRequest = Omit<Extract<HostRequest, { do: "start" }>, "do">;

/**
 * Starts a run of a bundle that has been sent.
 * @throws {VmbuildError} the error of a run that could not begin.
 */
export function startRun(
  connection: HostConnection,
  request: StartRequest,
): Promise<z.infer<typeof runSchema>> {
  return connection.request(runSchema, { do: "start", ...request });
}
