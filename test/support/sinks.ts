/** Opens sinks as a run does, without a run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { createBus } from "../../src/events/bus.js";
import { Secrets } from "../../src/events/secrets.js";
import type { EventBody, RunEvent } from "../../src/events/types.js";
import { attachSinks } from "../../src/sinks/attach.js";
import type { EarlierSpool } from "../../src/sinks/kind.js";
import { sinksSchema } from "../../src/sinks/registry.js";
import { startHub } from "./hub.js";
import type { Hub } from "./hub.js";

/** Run with sinks. */
export interface SinkRun {
  readonly emit: (event: EventBody) => void;
  readonly secrets: Secrets;
  /** Warnings and ends of sinks. */
  readonly reports: RunEvent[];
  /** Ends the run and its sinks; returns the last report of the only sink. */
  end(): Promise<Record<string, unknown>>;
}

/** Folder for the spools of runs. Dispose of it after use. */
export async function makeSinkFolder() {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-sinks-"));
  return {
    folder,
    /** Starts a run `id` with one sink, after the spools of earlier runs. */
    async run(id: string, settings: object, more: Partial<RunMore> = {}): Promise<SinkRun> {
      const { earlier = [], environment = {}, at = folder } = more;
      const secrets = new Secrets();
      const reports: RunEvent[] = [];
      const keep = (event: RunEvent): void => {
        if (event.type === "warning" || event.type === "sink.finished") reports.push(event);
      };
      const bus = createBus("demo", secrets, [{ handle: keep, close: () => {} }]);
      const sinks = await attachSinks({
        sinks: sinksSchema.parse({ hub: settings }),
        bus,
        emit: bus.emit,
        contextOf: () => ({
          runId: id,
          folder: join(at, id),
          templateFolder: folder,
          templatePath: join(folder, "demo.json"),
          earlier: earlier.map((one): EarlierSpool =>
            typeof one === "string"
              ? { folder: join(at, one), build: "demo", runId: one }
              : { folder: join(at, one.runId), build: "demo", ...one },
          ),
          placeOf: (step) =>
            step === "packages" ? { file: join(folder, "demo.json"), line: 7 } : undefined,
          environment,
        }),
      });
      return {
        emit: bus.emit,
        secrets,
        reports,
        async end() {
          await sinks[Symbol.asyncDispose]();
          await bus.close();
          return reports.findLast(({ type }) => type === "sink.finished") ?? {};
        },
      };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Folder for the spools of runs. */
export type SinkFolder = Awaited<ReturnType<typeof makeSinkFolder>>;

interface RunMore {
  readonly earlier: readonly (string | Pick<EarlierSpool, "runId" | "killed">)[];
  readonly environment: Readonly<Record<string, string>>;
  /** Folder for the spools; the one of the runs unless given. */
  readonly at: string;
}

/** Starts a hub and makes a folder before each test of a file, and removes both after it. */
export function eachTestWithHub(use: (hub: Hub, place: SinkFolder) => void): void {
  let hub: Hub;
  let place: SinkFolder;
  beforeEach(async () => {
    hub = await startHub();
    place = await makeSinkFolder();
    use(hub, place);
  });
  afterEach(async () => {
    await hub.stop();
    await place[Symbol.asyncDispose]();
  });
}

/** Returns a note, the simplest event. */
export const note = (message: string): EventBody => ({ type: "note", message });
