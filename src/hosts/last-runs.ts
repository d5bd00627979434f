/** Remembers the last run of each build on another host, for `vmbuild fetch`. */
import { join } from "node:path";
import { z } from "zod";
import { makePrivateFolder, readIfThere, writeFileAtomic } from "../host/files.js";
import { stateRoot } from "../host/folders.js";

const schema = z.object({
  /** Address of the host. */
  address: z.string(),
  runId: z.string(),
  /** Output folder on this host. Absolute. */
  output: z.string(),
});

/** Last run of a build on another host. */
export type LastRun = z.infer<typeof schema>;

const fileOf = (name: string): string => join(stateRoot(), "remote", `${name}.json`);

/** Remembers a run. */
export async function rememberRun(name: string, run: LastRun): Promise<void> {
  await makePrivateFolder(join(stateRoot(), "remote"));
  await writeFileAtomic(fileOf(name), `${JSON.stringify(run, null, 2)}\n`, 0o600);
}

/** Returns the last run of a build; undefined where none is known. */
export async function lastRun(name: string): Promise<LastRun | undefined> {
  if (name.includes("/")) return undefined;
  const text = await readIfThere(fileOf(name));
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    // A record that is not JSON says nothing.
    return undefined;
  }
}
