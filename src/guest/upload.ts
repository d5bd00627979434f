/** Uploads files and folders to the guest over SSH. `payload-disk.ts` handles large ones. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { basename, posix } from "node:path";
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import { matchesFacts, parseFileFacts, printSha256 } from "./checksum.js";
import { REQUIRE_TAR, progressCounter, runTransfer } from "./transfer.js";
import type { TransferContext } from "./transfer.js";
import { packTree } from "../host/tar-write.js";
import type { NumericOwner } from "../host/tar-write.js";
import { chownLinks, inspectDestination } from "./tree-destination.js";
import { listTree } from "../host/tree.js";

/** Mode of a file in the guest where none is given. */
export const DEFAULT_FILE_MODE = 0o644;

/** Owner and mode of a file in the guest. Defaults: root, and the mode of the source file. */
export interface Ownership {
  readonly mode?: number | undefined;
  /** Owner in the form of `chown`: `www-data:www-data`. */
  readonly owner?: string | undefined;
}

/** Folder of the host, the destination folder in the guest, and the owner there. */
export interface TreeUpload {
  readonly source: string;
  readonly to: string;
  readonly owner?: string | undefined;
}

/**
 * Returns the destination of a file: inside `to` when that ends in a slash, otherwise `to` itself.
 */
export function destinationOf(source: string, to: string): string {
  return to.endsWith("/") ? posix.join(to, basename(source)) : to;
}

/**
 * Returns the shell command that receives a file from the output of `from` through a temporary name
 * beside it, and prints the size and, if possible, the SHA-256 for comparison. Symbolic links are followed and kept,
 * and devices and pipes are written to, not replaced.
 */
export function receiveCommand(to: string, from: string, { mode, owner }: Ownership): string {
  return [
    "set -e",
    `to=${shellQuote(to)}`,
    `fail() { echo "$to $1" >&2; exit 1; }`,
    `[ ! -d "$to" ] || fail "is a folder"`,
    // The x preserves line breaks at the end of a name, which `$(…)` would strip.
    `[ ! -L "$to" ] || { real=$(readlink -f "$to" && echo x) || fail "is a dangling symbolic link"; to=\${real%??}; }`,
    `[ ! -e "$to" ] || [ -f "$to" ] || fail "is not a regular file"`,
    `folder=\${to%/*}; mkdir -p "$folder/"; part=$folder/.vmbuild-$$.part`,
    `trap 'rm -f "$part"' EXIT`,
    `( umask 077; ${from} >"$part" )`,
    `wc -c <"$part"`,
    printSha256('"$part"'),
    // chown clears the setuid and setgid bits, so the mode is set afterwards.
    ...(owner === undefined ? [] : [`chown -- ${shellQuote(owner)} "$part"`]),
    `chmod ${(mode ?? DEFAULT_FILE_MODE).toString(8)} "$part"`,
    `mv -f "$part" "$to"`,
  ].join("\n");
}

/**
 * Compares the size and SHA-256 that the guest reports with those of the source.
 * @throws {VmbuildError} STEP_FAILED when they differ.
 */
export function requireIntact(answer: string, size: number, sha256: string, to: string): void {
  if (matchesFacts(parseFileFacts(answer), { size, sha256 })) return;
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

/** Uploads one file. Fails when its size or SHA-256 in the guest differs from the source. */
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
  requireIntact(answer, sent.size, sent.sha256, to);
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
  requireIntact(answer, content.length, sha256, to);
}

/**
 * Returns the command that unpacks a tree from the output of `from`. If the folder `to` does not
 * exist, it is created for the tree's owner. GNU and BSD tar need an option to keep links to
 * folders; busybox keeps them by default and has no such option.
 */
export function unpackCommand(to: string, from: string, { uid, gid }: NumericOwner): string {
  const target = shellQuote(to);
  return [
    `set -e; unset TAR_OPTIONS; ${REQUIRE_TAR}`,
    `[ -d ${target} ] || { mkdir -p ${target}; chown ${uid}:${gid} ${target} || [ "$(id -u)" != 0 ]; }`,
    `case $(tar --version 2>&1) in *"GNU tar"* | bsdtar*) p=-P ;; *) p= ;; esac`,
    `${from} | tar -xpf - $p -C ${target}`,
  ].join("\n");
}

/**
 * Uploads the content of a folder into the folder `to`, with modes, dot files and links. Existing
 * folders keep their mode and owner, and links to folders are followed.
 */
export async function uploadTree(
  context: TransferContext,
  { source, to, owner }: TreeUpload,
): Promise<void> {
  const placed = await inspectDestination(context, await listTree(source), to, owner);
  const total = placed.entries.reduce((sum, entry) => sum + entry.size, 0);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}/`, total);
  await runTransfer(context, {
    command: unpackCommand(to, "cat", placed.owner),
    what: `Uploading to ${to}`,
    stdin: packTree(placed.entries, onBytes, placed.owner),
  });
  await chownLinks(context, placed, to);
}

function definedOf(ownership: Ownership): Ownership {
  return Object.fromEntries(Object.entries(ownership).filter(([, value]) => value !== undefined));
}
