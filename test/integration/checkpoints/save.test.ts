/** Saving the machine of a run that is being cancelled, with a real machine that runs no guest. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { workPaths } from "../../../src/checkpoints/records.js";
import { DEFAULT_LIMITS } from "../../../src/checkpoints/retention.js";
import { CheckpointStore } from "../../../src/checkpoints/store.js";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { CheckpointSaver } from "../../../src/run/checkpoints/save.js";
import { SMALL_SHAPE, startSmallMachine } from "../../support/machine.js";

let folder: string;
let machine: RunningMachine | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-v-"));
});
afterEach(async () => {
  await machine?.kill();
  await rm(folder, { recursive: true });
});

it("keeps the machine of a run whose lease has expired", async () => {
  const paths = workPaths(folder);
  await writeFile(paths.base, "base");
  await mkdir(join(folder, "files"));
  machine = await startSmallMachine(folder, { paused: true });
  const store = CheckpointStore.empty(paths);
  await store.begin({
    root: {},
    machine: { shape: SMALL_SHAPE, qemu: "7.2", user: "root", sshPort: 22, media: {} },
  });
  const events: EventBody[] = [];
  const cancelled = new AbortController();
  const saver = new CheckpointSaver({
    ...{ machine, store, limits: DEFAULT_LIMITS },
    ...{ outputs: join(folder, "files"), currentKeys: [], signal: cancelled.signal },
    emit: (event) => void events.push(event),
  });
  const expired = new VmbuildError("LEASE_EXPIRED", "The lease of the run expired");
  cancelled.abort(expired);
  await saver.saveFailed("long", expired);
  await saver.finish();
  expect(events).toMatchObject([{ type: "checkpoint.failed", step: "long" }]);
  expect(store.failed).toMatchObject({
    ...{ step: "long", reason: "LEASE_EXPIRED: The lease of the run expired" },
  });
  await machine.kill();
  const { stdout } = await promisify(execFile)("qemu-img", ["snapshot", "-l", paths.disk]);
  expect(stdout).toContain(store.failed?.tag ?? "no tag");
});
