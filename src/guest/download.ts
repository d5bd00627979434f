/** Downloads files and folders from the guest. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";
import { makeFolder, publish, temporaryBeside } from "../host/files.js";
import { shellQuote } from "../host/programs.js";
import { parseFileFacts, matchesFacts, printSha256 } from "./checksum.js";
import type { FileFacts } from "./checksum.js";
import { REQUIRE_TAR, progressCounter, runTransfer, streamTransfer } from "./transfer.js";
import type { TransferContext } from "./transfer.js";
import { unpackTree } from "../host/tree.js";

/** Kind of a path in the guest. */
export type GuestPathKind = "file" | "tree";

/**
 * Runs a download to `to`, a path on the host, and converts file system errors.
 * @throws {VmbuildError} HOST_SPACE for a full disk; STEP_FAILED where `to` cannot be written.
 */
export async function withHostErrors(to: string, download: () => Promise<void>): Promise<void> {
  try {
    await download();
  } catch (cause) {
    const code = systemCode(cause);
    if (cause instanceof VmbuildError || code === undefined || code.startsWith("ERR_")) throw cause;
    if (isDiskFull(code)) {
      throw new VmbuildError("HOST_SPACE", `The disk that holds ${dirname(to)} is full`, { cause });
    }
    throw new VmbuildError("STEP_FAILED", `Cannot write ${to} on the host: ${messageOf(cause)}`, {
      cause,
      hint: "Check the path and its permissions.",
    });
  }
}

/** Determines whether a path in the guest is a file or a folder. */
export async function guestPathKind(
  context: TransferContext,
  path: string,
): Promise<GuestPathKind> {
  const quoted = shellQuote(path);
  const command = `if [ -d ${quoted} ]; then echo tree; elif [ -f ${quoted} ]; then echo file; else echo missing; fi`;
  const answer = (
    await runTransfer(context, { command, what: `Reading the type of ${path}` })
  ).trim();
  if (answer === "file" || answer === "tree") return answer;
  throw new VmbuildError("STEP_FAILED", `The guest has no file or folder ${path}`);
}

/** Reads the size and the SHA-256 of a file in the guest. */
export async function guestFileFacts(context: TransferContext, path: string): Promise<FileFacts> {
  const quoted = shellQuote(path);
  const command = `wc -c <${quoted} && ${printSha256(quoted)}`;
  const answer = await runTransfer(context, { command, what: `Reading ${path}` });
  return parseFileFacts(answer);
}

/**
 * Downloads a file to `to`, which must not exist yet.
 * @throws {VmbuildError} STEP_FAILED when the content does not match `facts`.
 */
export async function fetchFile(
  context: TransferContext,
  from: string,
  facts: FileFacts,
  to: string,
): Promise<void> {
  const onBytes = progressCounter(context.emit, `download ${from}`, facts.size);
  const hash = createHash("sha256");
  let size = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      size += chunk.length;
      onBytes(chunk.length);
      callback(null, chunk);
    },
  });
  const written = pipeline(counter, createWriteStream(to, { flags: "wx" }));
  const command = { command: `cat <${shellQuote(from)}`, what: `Reading ${from}` };
  await Promise.all([streamTransfer(context, command, counter), written]);
  const sha256 = hash.digest("hex");
  if (matchesFacts(facts, { size, sha256 })) return;
  throw new VmbuildError("STEP_FAILED", `${from} changed while it was downloaded`, {
    lines: [
      `expected  ${facts.size} bytes, sha256 ${facts.sha256 ?? "unknown"}`,
      `found     ${size} bytes, sha256 ${sha256}`,
    ],
  });
}

/** Downloads the content of a guest folder into the folder `to`, which it creates. */
export async function fetchTree(context: TransferContext, from: string, to: string): Promise<void> {
  await mkdir(to);
  const through = new PassThrough();
  // The GNU format stores names as bytes. It is also the only format of busybox.
  const command = [
    `unset TAR_OPTIONS; ${REQUIRE_TAR}`,
    `case $(tar --version 2>&1) in *"GNU tar"*) f=--format=gnu ;; bsdtar*) f=--format=gnutar ;; *) f= ;; esac`,
    `exec tar $f -cf - -C ${shellQuote(from)} .`,
  ].join("\n");
  await Promise.all([
    streamTransfer(context, { command, what: `Reading ${from}` }, through),
    unpackTree(through, to),
  ]);
}

/**
 * Creates something under a temporary name beside `to` and then passes that name to `publishIt`.
 * Missing parent folders are created. Whatever is left under the temporary name is removed.
 */
export async function withTemporary(
  to: string,
  make: (temporary: string) => Promise<void>,
  publishIt: (temporary: string) => Promise<void>,
): Promise<void> {
  await makeFolder(dirname(to));
  const temporary = temporaryBeside(to);
  try {
    await make(temporary);
    await publishIt(temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Downloads one file, verifies its size and SHA-256, and only then gives it its final name. */
export async function downloadFile(
  context: TransferContext,
  from: string,
  to: string,
): Promise<void> {
  const facts = await guestFileFacts(context, from);
  await withTemporary(
    to,
    (temporary) => fetchFile(context, from, facts, temporary),
    (temporary) => publish(temporary, to),
  );
}

/** Downloads the content of a guest folder into the folder `to`, which it replaces. */
export async function downloadTree(
  context: TransferContext,
  from: string,
  to: string,
): Promise<void> {
  await withTemporary(
    to,
    (temporary) => fetchTree(context, from, temporary),
    async (temporary) => {
      await rm(to, { recursive: true, force: true });
      await rename(temporary, to);
    },
  );
}
