/** Makes the data partition of a stick: exFAT with the payload, its sum, the settings and README. */
import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { formatChecksum } from "../artifact/checksum-files.js";
import { VmbuildError } from "../errors.js";
import { copyInto } from "./copy.js";
import { ExfatWriter } from "./exfat.js";
import { dataPartition } from "./layout.js";
import type { StickContext } from "./live.js";
import type { StickPlan, StickRequest } from "./request.js";
import { defaultSettings, readme, withCarriageReturns } from "./settings.js";
import { runTool } from "./tool.js";

/** Makes the empty data partition; mkfs.exfat needs a file of its own. */
async function makeData(
  file: FileHandle,
  label: string,
  { size, workFolder }: StickPlan,
  context: StickContext,
): Promise<ExfatWriter> {
  const place = dataPartition(size);
  const scratch = join(workFolder, "data.img");
  const made = await open(scratch, "wx+");
  try {
    await made.truncate(place.size);
    await runTool("mkfs.exfat", ["-L", label, scratch], context);
    const { usedEnd } = await ExfatWriter.open(made, 0);
    await copyInto(scratch, file, { offset: place.offset, size: usedEnd }, context);
  } finally {
    await made.close();
    await rm(scratch, { force: true });
  }
  return ExfatWriter.open(file, place.offset);
}

/** Copies the payload; returns its sha256. */
async function addPayload(
  file: FileHandle,
  writer: ExfatWriter,
  { path, time, plan }: { path: string; time: Date; plan: StickPlan },
  { emit, signal }: StickContext,
): Promise<string> {
  const name = basename(path);
  const { payload: size, checksums } = plan;
  const progress = { type: "progress", task: "stick", label: `copy ${name}` } as const;
  const copied = await copyInto(path, file, writer.add(name, size, time), {
    signal,
    algorithms: [...checksums.keys()],
    onProgress: (done) => emit({ ...progress, done, total: size, unit: "bytes" }),
  });
  if (copied.size !== size) {
    throw new VmbuildError("ARTIFACT_STICK", `${path} became shorter while it was read`);
  }
  for (const [algorithm, expected] of checksums) {
    const found = copied.digests.get(algorithm) ?? "";
    if (found === expected) continue;
    throw new VmbuildError("ARTIFACT_INVALID", `${path} is damaged: its ${algorithm} is wrong`, {
      lines: [`${algorithm} of the file: ${found}`, `expected: ${expected}`],
      hint: "Build or copy the image again.",
    });
  }
  return copied.digests.get("sha256") ?? "";
}

/** Returns the texts of the data partition by their names. */
async function textsOf(request: StickRequest, sha256: string): Promise<Record<string, string>> {
  const name = basename(request.payload);
  return {
    [`${name}.sha256`]: formatChecksum(sha256, name),
    "installer.conf":
      request.settings === undefined
        ? await defaultSettings(request.mode)
        : withCarriageReturns(await readFile(request.settings, "utf8")),
    "README.txt": await readme(),
  };
}

/**
 * Makes the data partition in the image of a stick, which has only zeros there.
 * @returns the payload's sha256 in hexadecimal.
 * @throws {VmbuildError} ARTIFACT_STICK, ARTIFACT_INVALID; the signal's reason.
 */
export async function writeData(
  file: FileHandle,
  request: StickRequest,
  plan: StickPlan,
  context: StickContext,
): Promise<string> {
  const writer = await makeData(file, request.label, plan, context);
  const time = new Date();
  const sha256 = await addPayload(file, writer, { path: request.payload, time, plan }, context);
  for (const [name, text] of Object.entries(await textsOf(request, sha256))) {
    await writer.write(name, Buffer.from(text), time);
  }
  await writer.close();
  return sha256;
}
