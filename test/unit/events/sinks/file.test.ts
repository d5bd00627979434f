import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileSink } from "../../../../src/events/sinks/file.js";
import { eventAt, output } from "../support.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vmbuild-test-"));
  path = join(folder, "events.ndjson");
});
afterEach(() => rmSync(folder, { recursive: true }));

function messages(): unknown[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const event = JSON.parse(line) as { message?: string; line?: string };
      return event.message ?? event.line;
    });
}

describe("events.ndjson", () => {
  it("has every event in order once it is closed, and is private", async () => {
    const sink = createFileSink(path);
    for (let index = 0; index < 5000; index++) {
      sink.handle(
        eventAt(index, index % 7 ? output(`${index}`) : { type: "note", message: `${index}` }),
      );
    }
    await sink.close();
    await sink.close();
    expect(messages()).toEqual(Array.from({ length: 5000 }, (_, index) => `${index}`));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("appends to what is there", async () => {
    for (const message of ["one", "two"]) {
      const sink = createFileSink(path);
      sink.handle(eventAt(0, { type: "note", message }));
      await sink.close();
    }
    expect(messages()).toEqual(["one", "two"]);
  });

  it("has other events than output on disk at once, after the output before them", () => {
    const sink = createFileSink(path);
    sink.handle(eventAt(0, output("last words")));
    sink.handle(eventAt(1, { type: "note", message: "it failed" }));
    expect(messages()).toEqual(["last words", "it failed"]);
    void sink.close();
  });

  it("stops on a full disk with one warning, and lets the build continue", async () => {
    const errors: unknown[] = [];
    const sink = createFileSink("/dev/full", (error) => errors.push(error));
    for (let index = 0; index < 3; index++) {
      sink.handle(eventAt(index, { type: "note", message: "x" }));
    }
    await sink.close();
    expect(errors).toMatchObject([{ code: "ENOSPC" }]);
  });
});
