/** Ensures that vmbuild is compiled and the shared base exists before the first test. */
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapSpec, resolveBootstrap } from "../../src/base/cached-bootstrap.js";
import { CLI, SHARED_CHECKPOINTS } from "../support/e2e.js";

/** Called once by vitest, regardless of the number of workers. */
export default async function setup(): Promise<() => Promise<void>> {
  await access(CLI).catch(() => {
    throw new Error(`${CLI} does not exist: npm run build`);
  });
  const spec = bootstrapSpec({ suite: "bookworm", packages: [] });
  const { signal } = new AbortController();
  await resolveBootstrap(spec, {
    signal,
    emit: (event) => {
      if (event.type === "note") console.log(event.message);
    },
  });
  const ready = await mkdtemp(join(tmpdir(), "vmb-e2e-ready-"));
  process.env[SHARED_CHECKPOINTS] = ready;
  return () => rm(ready, { recursive: true, force: true });
}
