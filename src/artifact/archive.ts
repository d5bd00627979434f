/** Writes tar archives in the ustar format: the same bytes for the same members. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import type { Pack as TarStream } from "tar-stream";
import type { Emit } from "../events/types.js";

/** File of an archive: its name, and its text or the path of its content. */
export type ArchiveMember =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly path: string };

async function addMembers(archive: TarStream, members: readonly ArchiveMember[]): Promise<void> {
  for (const member of members) {
    const { name } = member;
    const common = { name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };
    if ("text" in member) {
      archive.entry(common, member.text);
    } else {
      const { size } = await stat(member.path);
      await pipeline(createReadStream(member.path), archive.entry({ ...common, size }));
    }
  }
  archive.finalize();
}

/**
 * Returns an archive of the members in the given order, as a stream. A member that cannot be read
 * is the stream's error. A file beyond 8 GiB has its size in base 256, as GNU tar writes it.
 */
export function archiveStream(members: readonly ArchiveMember[]): Readable {
  const archive = pack();
  addMembers(archive, members).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return Readable.from(archive, { objectMode: false });
}

/** Progress of a stream: its task and label, and the number of bytes that it will have. */
interface Meter {
  readonly task: string;
  readonly label: string;
  readonly total: number;
  readonly emit: Emit;
}

/** Emits about a hundred `progress` events while a stream passes, in bytes. */
export function metered(source: Readable, { task, label, total, emit }: Meter): Readable {
  let done = 0;
  let shown = 0;
  const report = (): void => {
    shown = done;
    emit({ type: "progress", task, label, done, total: Math.max(done, total), unit: "bytes" });
  };
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      if (done < total && done - shown >= total / 100) report();
      next(null, chunk);
    },
    flush(next) {
      emit({ type: "progress", task, label, done, total: done, unit: "bytes" });
      next();
    },
  });
  // A failure of the source destroys the meter, whose reader reports it.
  pipeline(source, meter).catch(() => {});
  return meter;
}
