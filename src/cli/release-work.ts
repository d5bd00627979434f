/** Runs work on a release with events, masked secrets and cancellation, for commands. */
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import type { ReleaseContext } from "../release/store.js";
import { interruptible } from "./interrupt.js";
import type { Output } from "./output.js";

/** Variables with secrets of stores. */
const SECRET_VARIABLES = [
  "GITHUB_TOKEN",
  "GH_TOKEN",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
] as const;

/** Runs work whose events are shown, and which Ctrl-C cancels. */
export async function releaseWork<T>(
  output: Output,
  work: (context: ReleaseContext) => Promise<T>,
): Promise<T> {
  const secrets = new Secrets();
  for (const name of SECRET_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined && value !== "") secrets.add(value);
  }
  const bus = createBus("", secrets, [await output.createSink()]);
  try {
    return await interruptible((signal) => work({ emit: bus.emit, signal }));
  } finally {
    await bus.close();
  }
}

/**
 * Requires names, or `--all` in place of them. Returns no names for all.
 * @throws {VmbuildError} USAGE.
 */
export function namesOrAll(names: readonly string[], all = false): readonly string[] {
  if (all && names.length > 0) {
    throw new VmbuildError("USAGE", "--all means every image, and takes no names");
  }
  if (all || names.length > 0) return names;
  throw new VmbuildError("USAGE", "No image is named", { hint: "Give names, or --all." });
}
