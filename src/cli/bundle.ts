/** Implements `vmbuild bundle`: packs the files of a release, and checks such archives. */
import { createBundle } from "../bundle/create.js";
import { verifyBundle } from "../bundle/verify.js";
import type { VerifyContext } from "../bundle/verify.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { formatBytes } from "../host/format.js";
import { interruptible } from "./interrupt.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { countOf } from "./table.js";

/** Flags of `bundle verify`. */
export interface VerifyFlags extends OutputFlags {
  readonly json?: boolean;
}

/** Flags of `bundle create`. */
export interface CreateFlags extends VerifyFlags {
  readonly output: string;
  readonly files?: string;
}

/** Runs work with a display of its progress. */
async function withProgress<T>(
  output: Output,
  work: (context: VerifyContext) => Promise<T>,
): Promise<T> {
  const bus = createBus("", new Secrets(), [await output.createSink()]);
  try {
    return await interruptible((signal) => work({ emit: bus.emit, signal }));
  } finally {
    await bus.close();
  }
}

/** Runs `bundle create`; returns 0. */
export async function create(manifest: string, flags: CreateFlags): Promise<number> {
  const output = createOutput(flags);
  const { files, output: path } = flags;
  const created = await withProgress(output, (context) =>
    createBundle({ manifest, files, output: path, ...context }),
  );
  if (flags.json) output.printJson(created);
  else output.print(created.path);
  const { size, members } = created;
  output.log(`Packed ${countOf(members.length, "file")} (${formatBytes(size)})`);
  return 0;
}

/** Runs `bundle verify`; returns 0. */
export async function verify(bundle: string, flags: VerifyFlags): Promise<number> {
  const output = createOutput(flags);
  const entries = await withProgress(output, (context) => verifyBundle(bundle, context));
  if (flags.json) output.printJson({ ok: true, entries });
  else for (const { kind, name, path } of entries) output.print(`${kind} ${name}: ${path} ok`);
  return 0;
}
