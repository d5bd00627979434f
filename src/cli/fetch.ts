/** Implements `vmbuild fetch`: gets the image of a run from another host. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatBytes } from "../host/format.js";
import type { HostAddress } from "../hosts/address.js";
import { parseHostAddress } from "../hosts/address.js";
import { hostFor } from "../hosts/contexts.js";
import { fetchArtifact } from "../hosts/fetch.js";
import { lastRun } from "../hosts/last-runs.js";
import { whileConnected } from "../hosts/reconnect.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { progressOf, withView } from "./transfer-view.js";

/** Flags of the command. */
export interface FetchFlags {
  readonly on?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly run?: string;
}

/** Image that is fetched. */
export interface FetchTarget {
  /** Name of the build. */
  readonly name: string;
  /** Run with the image: its id, a part of it, or a version. The last one where it is undefined. */
  readonly run?: string | undefined;
  /** Output folder on this host. Absolute. */
  readonly folder: string;
}

/**
 * Fetches the image of a build to a folder, over connections that may be lost.
 * @returns the paths of the images.
 * @throws {VmbuildError} FETCH_FAILED, REMOTE_UNREACHABLE, OUTPUT_TAKEN, HOST_SPACE.
 */
export async function fetchTo(
  address: HostAddress,
  { name, run, folder }: FetchTarget,
  output: Output,
): Promise<readonly string[]> {
  let arrived = 0;
  const work = (emit: Emit, signal: AbortSignal) => {
    const message = `The connection to ${address.text} was lost; connecting again`;
    const onLost = (): void => emit({ type: "note", message });
    const show = progressOf(emit, "fetch", `fetch from ${address.text}`);
    const onBytes = (done: number, total: number): void => {
      arrived = done;
      show(done, total);
    };
    const options = { address, signal, onLost, progress: () => arrived };
    return whileConnected(options, (connection) =>
      fetchArtifact(connection, { name, run, folder, signal, onBytes }),
    );
  };
  const { images, bytes } = await withView(output, (emit) =>
    interruptible((signal) => work(emit, signal)),
  );
  output.log(
    bytes === 0
      ? `The image of ${name} is in ${folder} already`
      : `Fetched ${formatBytes(bytes)} from ${address.text} to ${folder}`,
  );
  return images;
}

/** Runs the command; returns the exit code. */
export async function fetch(name: string, flags: FetchFlags): Promise<number> {
  const output = createOutput();
  const last = await lastRun(name);
  const given = await hostFor(flags.on);
  const address = given ?? (last && parseHostAddress(last.address));
  if (address === undefined) {
    throw new VmbuildError("USAGE", `No run of ${name} on another host is known`, {
      hint: "Name the host: --on ssh://USER@HOST.",
    });
  }
  const folder = flags.output === undefined ? last?.output : resolve(flags.output);
  if (folder === undefined) {
    throw new VmbuildError("USAGE", `The output folder of ${name} is not known`, {
      hint: "Name it: --output DIR.",
    });
  }
  const images = await fetchTo(address, { name, run: flags.run, folder }, output);
  if (flags.json) output.printJson({ name, on: address.text, images });
  else for (const image of images) output.print(image);
  return 0;
}
