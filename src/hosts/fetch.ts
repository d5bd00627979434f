/** Fetches the image of a build from another host: continued, verified, all files or none. */
import { chmod, copyFile, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { lockOutputFolder } from "../artifact/output-folder.js";
import { Staging } from "../artifact/publish.js";
import { VmbuildError } from "../errors.js";
import { makeFolder, requireSpace, statIfThere } from "../host/files.js";
import { hashFile } from "../inputs/digest.js";
import type { HostConnection } from "./connect.js";
import { filesSchema } from "./messages.js";
import type { ArtifactFile } from "./messages.js";

/** Folder of unfinished transfers in the output folder. */
const PARTS = ".vmbuild-fetch";

/** What is fetched, and where to. */
export interface FetchOptions {
  /** Name of the build. */
  readonly name: string;
  /** Run with the image: its id, a part of it, or a version. The last one where it is undefined. */
  readonly run?: string | undefined;
  /** Output folder on this host. Absolute. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Called with the bytes that have arrived, and the bytes of all files that are fetched. */
  readonly onBytes?: (done: number, total: number) => void;
}

/** Result of a transfer. Paths are absolute. */
export interface Fetched {
  readonly images: readonly string[];
  /** Bytes that were fetched in this call. */
  readonly bytes: number;
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  return (await hashFile(path, [], signal)).sha256;
}

/** Returns whether a file is in the output folder with the same content. */
async function isThere(folder: string, file: ArtifactFile, signal: AbortSignal): Promise<boolean> {
  const path = join(folder, file.name);
  const status = await statIfThere(path);
  if (status?.isFile() !== true || Number(status.size) !== file.size) return false;
  if ((await lstat(path)).isSymbolicLink()) return false;
  return (await sha256Of(path, signal)) === file.sha256;
}

class Transfer {
  readonly #connection: HostConnection;
  readonly #options: FetchOptions;
  #done = 0;
  #total = 0;
  /** Bytes that were fetched. */
  bytes = 0;

  constructor(connection: HostConnection, options: FetchOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  pathOf({ sha256 }: ArtifactFile): string {
    return join(this.#options.folder, PARTS, sha256);
  }

  /** Fetches all files to the folder of unfinished transfers, and verifies them. */
  async fetchAll(files: readonly ArtifactFile[]): Promise<void> {
    const { folder } = this.#options;
    await makeFolder(join(folder, PARTS));
    // What an earlier version of the image has left would stay forever.
    const wanted = new Set(files.map(({ sha256 }) => sha256));
    for (const name of await readdir(join(folder, PARTS))) {
      if (!wanted.has(name)) await rm(join(folder, PARTS, name), { recursive: true, force: true });
    }
    let there = 0;
    for (const file of files) there += Math.min(await this.#have(file), file.size);
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    await requireSpace(join(folder, PARTS), this.#total - there, "The image");
    for (const file of files) await this.#fetch(file);
  }

  async #have(file: ArtifactFile): Promise<number> {
    return Number((await statIfThere(this.pathOf(file)))?.size ?? 0);
  }

  async #fetch(file: ArtifactFile): Promise<void> {
    const { name, run, signal, onBytes } = this.#options;
    const path = this.pathOf(file);
    const have = await this.#have(file);
    const from = have <= file.size ? have : 0;
    this.#done += from;
    const handle = await open(path, from === 0 ? "w" : "r+", 0o600);
    let at = from;
    try {
      if (from < file.size || file.size === 0) {
        const onPart = async (part: Buffer): Promise<void> => {
          signal.throwIfAborted();
          await handle.write(part, 0, part.length, at);
          at += part.length;
          this.bytes += part.length;
          this.#done += part.length;
          onBytes?.(this.#done, this.#total);
        };
        const request = { do: "get", name, run, file: file.name, from } as const;
        await this.#connection.request(z.object({}), request, { onPart });
      }
    } finally {
      await handle.close();
    }
    if (at === file.size && (await sha256Of(path, signal)) === file.sha256) return;
    await rm(path, { force: true });
    const { text } = this.#connection.address;
    throw new VmbuildError("FETCH_FAILED", `${file.name} from ${text} has a wrong checksum`, {
      hint: "It was rebuilt meanwhile, or a disk or the network is faulty. Fetch it again.",
    });
  }
}

/** Moves what was fetched to temporary names beside the final ones. */
async function stage(
  staging: Staging,
  files: readonly ArtifactFile[],
  transfer: Transfer,
): Promise<void> {
  // Two files with the same content share a transfer: the last one takes it.
  const left = new Map<string, number>();
  for (const { sha256 } of files) left.set(sha256, (left.get(sha256) ?? 0) + 1);
  for (const file of files) {
    const [top = "", ...below] = file.name.split("/");
    const target = join(staging.reserve(top, file.role), ...below);
    await mkdir(dirname(target), { recursive: true });
    const path = transfer.pathOf(file);
    const others = (left.get(file.sha256) ?? 1) - 1;
    left.set(file.sha256, others);
    if (others > 0) await copyFile(path, target);
    else await rename(path, target);
    await chmod(target, file.mode | 0o400);
  }
}

/** Fetches the image of a run of a build to a folder of this host. */
export async function fetchArtifact(
  connection: HostConnection,
  options: FetchOptions,
): Promise<Fetched> {
  const { name, run, folder, signal } = options;
  const { files } = await connection.request(filesSchema, { do: "files", name, run });
  const images = files.filter(({ role }) => role === "image").map((file) => file.name);
  await using _lock = await lockOutputFolder({ name, folder, filenames: images });
  const fetched: ArtifactFile[] = [];
  const folders = new Set<string>();
  for (const file of files) {
    if (await isThere(folder, file, signal)) continue;
    fetched.push(file);
    // A folder is replaced as a whole.
    if (file.name.includes("/")) folders.add(file.name.split("/")[0] ?? "");
  }
  // A publication removes the manifest and the sums that are not part of it.
  const isPart = ({ name: at, role }: ArtifactFile): boolean =>
    role === "checksums" || role === "manifest" || folders.has(at.split("/")[0] ?? "");
  const wanted = [...new Set([...fetched, ...files.filter(isPart)])];
  const transfer = new Transfer(connection, options);
  if (fetched.length > 0) {
    await transfer.fetchAll(wanted);
    await using staging = new Staging(folder);
    await stage(staging, wanted, transfer);
    await staging.publish();
  }
  await rm(join(folder, PARTS), { recursive: true, force: true });
  return { images: images.map((image) => join(folder, image)), bytes: transfer.bytes };
}
