/** Files and folders out of the guest. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { publish, temporaryBeside } from "../host/files.js";
import { shellQuote } from "../host/programs.js";
import { runOnChannel } from "./channel.js";
import { unpackTree } from "../host/tree.js";
import { progressCounter, runTransfer } from "./upload.js";
import type { TransferContext } from "./upload.js";

async function stream(
  context: TransferContext,
  command: string,
  what: string,
  stdoutTo: NodeJS.WritableStream,
): Promise<void> {
  let stderr = "";
  const shell = context.sudo ? "exec sudo -n /bin/sh -c" : "exec /bin/sh -c";
  const end = await runOnChannel(context.connection, {
    command: `${shell} ${shellQuote(command)}`,
    stdoutTo: stdoutTo as PassThrough,
    onStderr: (chunk) => (stderr = (stderr + chunk.toString("utf8")).slice(-4096)),
    signal: context.signal,
  });
  if (end.exitCode === 0) return;
  throw new VmbuildError("STEP_FAILED", `${what} failed in the guest (exit ${end.exitCode})`, {
    lines: stderr.split("\n").filter((line) => line !== ""),
  });
}

/** Runs a download, and says of a full disk what it is. */
export async function intoSpace(to: string, download: () => Promise<void>): Promise<void> {
  try {
    await download();
  } catch (cause) {
    if (systemCode(cause) !== "ENOSPC" && systemCode(cause) !== "EDQUOT") throw cause;
    throw new VmbuildError("HOST_SPACE", `The disk that holds ${dirname(to)} is full`, { cause });
  }
}

/** Whether a path in the guest is a file or a folder. */
export async function kindInGuest(
  context: TransferContext,
  path: string,
): Promise<"file" | "tree"> {
  const quoted = shellQuote(path);
  const command = `if [ -d ${quoted} ]; then echo tree; elif [ -f ${quoted} ]; then echo file; else echo missing; fi`;
  const answer = (await runTransfer(context, command, `Looking at ${path}`)).trim();
  if (answer === "file" || answer === "tree") return answer;
  throw new VmbuildError("STEP_FAILED", `There is no file or folder ${path} in the guest`);
}

/** Downloads one file, checks its size and sha256, and gives it its name only then. */
export async function downloadFile(
  context: TransferContext,
  from: string,
  to: string,
): Promise<void> {
  const quoted = shellQuote(from);
  const facts = `wc -c <${quoted} && sha256sum <${quoted}`;
  const answer = await runTransfer(context, facts, `Reading ${from}`);
  const [size = "0", expected = ""] = answer.trim().split(/\s+/);
  const onBytes = progressCounter(context.emit, `download ${from}`, Number(size));
  const hash = createHash("sha256");
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      onBytes(chunk.length);
      callback(null, chunk);
    },
  });
  await mkdir(dirname(to), { recursive: true });
  const temporary = temporaryBeside(to);
  try {
    const written = pipeline(counter, createWriteStream(temporary, { flags: "wx" }));
    await Promise.all([stream(context, `cat <${quoted}`, `Reading ${from}`, counter), written]);
    const found = hash.digest("hex");
    if (found !== expected) {
      throw new VmbuildError("STEP_FAILED", `${from} changed while it was downloaded`, {
        lines: [`expected sha256 ${expected}`, `found    sha256 ${found}`],
      });
    }
    await publish(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Downloads what a folder of the guest holds into the folder `to`, which it replaces. */
export async function downloadTree(
  context: TransferContext,
  from: string,
  to: string,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const temporary = temporaryBeside(to);
  await mkdir(temporary);
  try {
    const through = new PassThrough();
    await Promise.all([
      stream(context, `tar -cf - -C ${shellQuote(from)} .`, `Reading ${from}`, through),
      unpackTree(through, temporary),
    ]);
    await rm(to, { recursive: true, force: true });
    await rename(temporary, to);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
