import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createNdjsonSink } from "../../../../src/events/sinks/ndjson.js";
import { RecordingStream, eventAt, output } from "../support.js";

describe("NDJSON", () => {
  it("writes one object per line, in order, with any content", async () => {
    const stream = new RecordingStream();
    const sink = createNdjsonSink(stream);
    const events = [
      eventAt(0, { type: "note", message: "two\nlines" }),
      eventAt(1, output("\u001b[31m \u009b31m \u007f \u2028 \ud800 grüße")),
      eventAt(2, { type: "progress", task: "t", label: "l", done: 1, total: null, unit: "bytes" }),
    ];
    for (const event of events) sink.handle(event);
    await sink.close();
    expect(stream.lines.map((line) => JSON.parse(line) as unknown)).toEqual(events);
    // eslint-disable-next-line no-control-regex -- none of them may act on a terminal
    expect(stream.text.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
  });

  it("writes other events than output at once", () => {
    const stream = new RecordingStream();
    createNdjsonSink(stream).handle(eventAt(0, { type: "note", message: "now" }));
    expect(stream.lines).toHaveLength(1);
  });

  it("is silent when the reader exits", async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error("EPIPE"), { code: "EPIPE" })),
    });
    const sink = createNdjsonSink(stream);
    for (let index = 0; index < 5; index++) {
      sink.handle(eventAt(index, { type: "note", message: "x" }));
      await new Promise(setImmediate);
    }
    await sink.close();
    expect(stream.destroyed).toBe(true);
  });

  it("omits output lines, and reports their number, when the reader is too slow", async () => {
    let held: (() => void) | undefined;
    let open = false;
    let text = "";
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        if (open) done();
        else held = done;
      },
    });
    const sink = createNdjsonSink(stream);
    const line = "x".repeat(1000);
    for (let index = 0; index < 20_000; index++) sink.handle(eventAt(index, output(line)));
    expect(stream.writableLength).toBeLessThan(8 * 2 ** 20);
    open = true;
    held?.();
    sink.handle(eventAt(20_000, { type: "resumed" }));
    await sink.close();
    const events = text
      .trim()
      .split("\n")
      .map((json) => JSON.parse(json) as { type: string; message?: string });
    const shown = events.filter((event) => event.type === "output").length;
    expect(events.find((event) => event.type === "note")?.message).toBe(
      `${20_000 - shown} lines of output were omitted: the reader was too slow`,
    );
    expect(events.at(-1)?.type).toBe("resumed");
  });
});
