/** Where things lie on this host (design: "Where things lie"). */
import envPaths from "env-paths";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePrivateFolder, statIfThere } from "./files.js";

/** The folders of one user. Made when first written to. */
export interface HostPaths {
  /** Downloads, by URL. */
  readonly inputs: string;
  /** Bases, by key. */
  readonly bases: string;
  /** One folder per build. */
  readonly builds: string;
  /** States of guests that are ready for their first step, by key. */
  readonly ready: string;
}

/** The folders under XDG_CACHE_HOME and XDG_STATE_HOME, read anew on each call. */
export function hostPaths(): HostPaths {
  // XDG_STATE_HOME and its default; env-paths calls that folder `log`.
  const { cache, log } = envPaths("vmbuild", { suffix: "" });
  return {
    inputs: join(cache, "inputs"),
    bases: join(cache, "bases"),
    builds: join(log, "builds"),
    ready: join(log, "ready"),
  };
}

/**
 * A short, private folder for sockets: a unix socket's path has at most 107 bytes.
 * $XDG_RUNTIME_DIR/vmbuild, or /tmp/vmbuild-UID where that is not set or not there.
 */
export async function runtimeFolder(): Promise<string> {
  const own = process.env["XDG_RUNTIME_DIR"];
  const usable = own !== undefined && own.length < 60 && (await statIfThere(own)) !== undefined;
  const folder = usable
    ? join(own, "vmbuild")
    : join(tmpdir(), `vmbuild-${process.getuid?.() ?? 0}`);
  await makePrivateFolder(folder);
  const status = await statIfThere(folder);
  if (status?.uid !== process.getuid?.() || (Number(status?.mode) & 0o077) !== 0) {
    throw new Error(`${folder} belongs to somebody else or is open to others; remove it`);
  }
  return folder;
}
