/** Defines the sink that appends events to a file of the host. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { encodeJsonLine } from "../../events/sinks/ndjson.js";
import { eventText } from "../../events/sinks/event-text.js";
import { messageOf } from "../../errors.js";
import { hostPath } from "../../fields.js";
import { makeFolder, statIfThere } from "../../host/files.js";
import { createLineFile } from "../../host/line-file.js";
import { WITHOUT_OUTPUT, commonSinkFields, defineSinkKind } from "../kind.js";
import type { SentEvent } from "../kind.js";

const FORMATS = ["json", "text"] as const;

const schema = z
  .strictObject({
    file: hostPath(
      z.string().min(1).describe("path of the file, relative to the template; created if missing"),
    ),
    format: z
      .enum(FORMATS)
      .default("json")
      .describe("json: one object per line; text: time, build and a description"),
    ...commonSinkFields,
  })
  .describe("appends events to a file of the host");

type Settings = z.infer<typeof schema>;

const LINES: Record<(typeof FORMATS)[number], (event: SentEvent) => string> = {
  json: encodeJsonLine,
  text: (event) => `${event.time} ${event.build} ${eventText(event)}`,
};

/** Requires a file to which appending never waits, as it would for a pipe without a reader. */
async function requireRegular(path: string): Promise<void> {
  const status = await statIfThere(path);
  if (status?.isDirectory() === true) throw new Error(`${path} is a folder`);
  if (status?.isFIFO() === true || status?.isSocket() === true) {
    throw new Error(`${path} is a pipe or socket`);
  }
}

/** Sink that appends events to a file of the host. */
export const file = defineSinkKind<Settings>({
  name: "file",
  form: "{file}",
  schema,
  defaultEvents: WITHOUT_OUTPUT,
  keepsEvents: false,
  settingsOf: (text) => ({ file: resolve(text) }),
  secrets: () => [],
  describe: ({ file: path }) => path,
  async open({ file: name, format }, { templateFolder, onProblem }) {
    const path = resolve(templateFolder, name);
    await requireRegular(path);
    await makeFolder(dirname(path));
    const counts = { delivered: 0, waiting: 0, lost: 0 };
    let isBroken = false;
    const lines = createLineFile(
      path,
      (line) => line,
      (error) => {
        isBroken = true;
        counts.lost++;
        onProblem(messageOf(error));
      },
    );
    return {
      take(event) {
        if (isBroken) counts.lost++;
        else {
          lines.write(LINES[format](event));
          if (event.type !== "output") lines.flush();
          if (!isBroken) counts.delivered++;
        }
      },
      // eslint-disable-next-line require-await -- The interface is one of promises.
      async finish() {
        lines.close();
        return counts;
      },
    };
  },
});
