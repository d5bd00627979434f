/** Files and folders into the guest, over SSH. Large ones go by `payload.ts`. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { basename, posix } from "node:path";
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import { progressCounter, runTransfer } from "./transfer.js";
import type { TransferContext } from "./transfer.js";
import { packTree } from "./tar-write.js";
import type { NumericOwner } from "./tar-write.js";
import { ownLinks, placeTree } from "./tree-place.js";
import { listTree } from "../host/tree.js";

/** Mode of a file in the guest where none is given. */
export const DEFAULT_FILE_MODE = 0o644;

/** A file's owner and mode in the guest; root and the file's own mode otherwise. */
export interface Ownership {
  readonly mode?: number | undefined;
  /** As `chown` takes it: `www-data:www-data`. */
  readonly owner?: string | undefined;
}

/** A folder of the host, the folder in the guest that takes what it holds, and who will own that. */
export interface TreeUpload {
  readonly source: string;
  readonly to: string;
  readonly owner?: string | undefined;
}

/** Where a file ends up: inside `to` when that ends in a slash, under that very name otherwise. */
export function destinationOf(source: string, to: string): string {
  return to.endsWith("/") ? posix.join(to, basename(source)) : to;
}

/**
 * A shell command that takes a file from standard output of `from`, through a temporary name
 * beside it, and prints its size and sha256, for the caller to compare. A link is followed, so
 * that it stays one, and a device or a pipe is not replaced.
 */
export function receiveCommand(to: string, from: string, { mode, owner }: Ownership): string {
  return [
    "set -e",
    `to=${shellQuote(to)}`,
    `fail() { echo "$to $1" >&2; exit 1; }`,
    `[ ! -d "$to" ] || fail "is a folder"`,
    // The x keeps line breaks at the end of a name.
    `[ ! -L "$to" ] || { real=$(readlink -f "$to" && echo x) || fail "is a dangling symbolic link"; to=\${real%??}; }`,
    `[ ! -e "$to" ] || [ -f "$to" ] || fail "is not a regular file"`,
    `folder=\${to%/*}; mkdir -p "$folder/"; part=$folder/.vmbuild-$$.part`,
    `trap 'rm -f "$part"' EXIT`,
    `( umask 077; ${from} >"$part" )`,
    `wc -c <"$part"`,
    `sha256sum <"$part"`,
    // chown takes the bits away that let others run a file as its owner.
    ...(owner === undefined ? [] : [`chown -- ${shellQuote(owner)} "$part"`]),
    `chmod ${(mode ?? DEFAULT_FILE_MODE).toString(8)} "$part"`,
    `mv -f "$part" "$to"`,
  ].join("\n");
}

/**
 * Compares what the guest says it received with what was sent.
 * @throws {VmbuildError} STEP_FAILED when they differ.
 */
export function requireSame(answer: string, size: number, sha256: string, to: string): void {
  const [foundSize = "", foundHash = ""] = answer.trim().split(/\s+/);
  if (Number(foundSize) === size && foundHash === sha256) return;
  throw new VmbuildError("STEP_FAILED", `${to} was corrupted during the upload`, {
    lines: [`sent      ${size} bytes, sha256 ${sha256}`, `received  ${answer.trim()}`],
    hint: "Check whether the file changed during the upload.",
  });
}

function hashing(source: Readable, onBytes: (bytes: number) => void) {
  const hash = createHash("sha256");
  let size = 0;
  const stream = Readable.from(
    (async function* () {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        hash.update(chunk);
        size += chunk.length;
        onBytes(chunk.length);
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  return { stream, result: () => ({ size, sha256: hash.digest("hex") }) };
}

/** Uploads one file, and fails when its size or sha256 in the guest is not what was sent. */
export async function uploadFile(
  context: TransferContext,
  source: string,
  to: string,
  ownership: Ownership = {},
): Promise<void> {
  const status = await stat(source);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}`, status.size);
  const { stream, result } = hashing(
    createReadStream(source, { highWaterMark: 256 * 1024 }),
    onBytes,
  );
  const command = receiveCommand(to, "cat", {
    mode: status.mode & 0o7777,
    ...definedOf(ownership),
  });
  const answer = await runTransfer(context, { command, what: `Uploading to ${to}`, stdin: stream });
  const sent = result();
  requireSame(answer, sent.size, sent.sha256, to);
}

/** Writes text or bytes to a file in the guest. */
export async function writeFile(
  context: TransferContext,
  content: Buffer,
  to: string,
  ownership: Ownership = {},
): Promise<void> {
  const answer = await runTransfer(context, {
    command: receiveCommand(to, "cat", ownership),
    what: `Writing ${to}`,
    stdin: content,
  });
  const sha256 = createHash("sha256").update(content).digest("hex");
  requireSame(answer, content.length, sha256, to);
}

/**
 * The command that unpacks a tree from standard output of `from`. A folder `to` that is made for
 * it belongs to the tree's owner. GNU's and BSD's tar are told to leave links on the way alone;
 * busybox's does, and knows no option for it.
 */
export function unpackCommand(to: string, from: string, { uid, gid }: NumericOwner): string {
  const target = shellQuote(to);
  return [
    "set -e; unset TAR_OPTIONS",
    `[ -d ${target} ] || { mkdir -p ${target}; chown ${uid}:${gid} ${target} || [ "$(id -u)" != 0 ]; }`,
    `case $(tar --version 2>&1) in *"GNU tar"* | bsdtar*) p=-P ;; *) p= ;; esac`,
    `${from} | tar -xpf - $p -C ${target}`,
  ].join("\n");
}

/**
 * Uploads what a folder holds into the folder `to`, with modes, dot files and links. Folders that
 * are there keep their mode and owner, and links to folders are followed.
 */
export async function uploadTree(
  context: TransferContext,
  { source, to, owner }: TreeUpload,
): Promise<void> {
  const placed = await placeTree(context, await listTree(source), to, owner);
  const total = placed.entries.reduce((sum, entry) => sum + entry.size, 0);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}/`, total);
  await runTransfer(context, {
    command: unpackCommand(to, "cat", placed.owner),
    what: `Uploading to ${to}`,
    stdin: packTree(placed.entries, onBytes, placed.owner),
  });
  await ownLinks(context, placed, to);
}

function definedOf(ownership: Ownership): Ownership {
  return Object.fromEntries(Object.entries(ownership).filter(([, value]) => value !== undefined));
}
