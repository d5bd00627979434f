import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { expect, it } from "vitest";
import { createBus } from "../../../src/events/bus.js";
import { Secrets } from "../../../src/events/secrets.js";
import { createFileSink } from "../../../src/events/sinks/file.js";
import { createPlainSink } from "../../../src/events/sinks/plain.js";
import type { RunEvent } from "../../../src/events/types.js";
import { createLineFile } from "../../../src/host/line-file.js";
import { stepSchema } from "../../../src/steps/schema.js";
import { runStep } from "../../../src/steps/step.js";
import { guestOf } from "../../support/guest-of.js";
import { startSshd } from "../../support/sshd.js";

/**
 * Prints a progress bar, bytes that are not UTF-8, and a last line without an ending.
 * @param seen file that is created when the first state of the progress bar has been seen.
 */
const print = (seen: string): string => String.raw`
printf 'get 10%%\rget 50%%\r'; until [ -e ${seen} ]; do sleep 0.1; done; printf 'get 100%%\n'
printf 'warning: \377\376 byte\n' >&2
printf 'gr\303\274n'
`;

it("shows progress bars, other encodings and unfinished lines in events, logs and plain text", async () => {
  await using sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-output-"));
  const stream = new PassThrough();
  const plain = readText(stream);
  const seen: RunEvent[] = [];
  const seenFile = join(folder, "seen");
  const bus = createBus("demo", new Secrets(), [
    createFileSink(join(folder, "events.ndjson")),
    createPlainSink({ stream }),
    {
      handle(event) {
        seen.push(event);
        if (event.type === "output.state") writeFileSync(seenFile, "");
      },
      close: () => {},
    },
  ]);
  const log = createLineFile(join(folder, "step.log"), (line) => line);
  const text = print(seenFile);
  const step = stepSchema.parse({
    name: "it",
    actions: [{ run: text, shell: "bash" }, { local: text }, { run: "echo next" }],
  });
  await runStep(step, {
    guest: await guestOf(sshd),
    emit: bus.emit,
    signal: sshd.signal,
    index: 1,
    total: 1,
    templateFolder: folder,
    outputFolder: join(folder, "out"),
    log,
  });
  log.close();
  await bus.close();
  stream.end();

  const printed = ["get 100%", "warning: \ufffd\ufffd byte", "grün"];
  const lines = (await readFile(log.path, "utf8")).split("\n");
  const output = lines.filter((line) => line !== "" && !line.startsWith("#"));
  // The two streams of a program are separate, so that their lines may arrive in another order.
  expect(output.toSorted()).toEqual([...printed, ...printed, "next"].toSorted());
  expect(lines.at(-2)).toBe("next");

  const events = (await readFile(join(folder, "events.ndjson"), "utf8")).trim().split("\n");
  const kept = events.map((line) => JSON.parse(line) as RunEvent);
  const linesOf = (type: string) => (event: RunEvent) =>
    event.type === type && "line" in event ? [event.line] : [];
  expect(kept.flatMap(linesOf("output")).toSorted()).toEqual(output.toSorted());
  expect(kept.flatMap(linesOf("output.state"))).toEqual([]);
  expect(seen.flatMap(linesOf("output.state"))).toContain("get 10%");

  expect((await plain).match(/\| .*/g)?.toSorted()).toEqual(
    output.map((line) => `| ${line}`).toSorted(),
  );
  await rm(folder, { recursive: true });
});
