import { describe, expect, it } from "vitest";
import { MarkedOutput, OutputMarker } from "../../../src/guest/output-marker.js";
import { errorOf } from "../../support/inputs.js";

const printed = (mark: OutputMarker, pid = 77): string => `${mark.id}:${pid}:\n`;

/** Reads a text in chunks of this size. */
function read(mark: OutputMarker, text: Buffer | string, size = 1_000_000) {
  const reader = new MarkedOutput(mark);
  const all = Buffer.from(text as string);
  const answer: Buffer[] = [];
  for (let at = 0; at < all.length; at += size) {
    answer.push(reader.take(all.subarray(at, at + size)));
  }
  return { reader, answer: Buffer.concat(answer).toString("latin1") };
}

describe("AnswerReader", () => {
  it.each([
    ["nothing", ""],
    ["a line", "Welcome\n"],
    ["a line without an end", "Welcome"],
    ["more than is kept", "x".repeat(20_000)],
    ["bytes that are no text", "\u00ff\0\u00fe"],
  ])("leaves out %s before the mark, however it is cut", (_, before) => {
    const mark = new OutputMarker();
    const text = Buffer.from(`${before}${printed(mark)}answer\n`, "latin1");
    for (const size of [1, 7, 1_000_000]) {
      const { reader, answer } = read(mark, text, size);
      expect(answer).toBe("answer\n");
      expect(reader.pid).toBe("77");
      expect(reader.before).toBe("");
    }
  });

  it("passes on a second mark, and data unchanged", () => {
    const mark = new OutputMarker();
    const data = `${printed(mark, 1)}\u00ff\0`;
    const { answer } = read(mark, Buffer.from(printed(mark) + data, "latin1"));
    expect(answer).toBe(data);
  });

  it("ignores the command's own text, and another mark", () => {
    const mark = new OutputMarker();
    const { answer, reader } = read(mark, `${mark.command}\n${printed(new OutputMarker())}`);
    expect(answer).toBe("");
    expect(reader.pid).toBeUndefined();
    expect(reader.before).toContain(mark.command);
  });

  it("reports the output of a shell that ended first", async () => {
    const { reader } = read(new OutputMarker(), "This account is closed.\n");
    const error = await errorOf(Promise.resolve().then(() => reader.requireStarted("Reading /x")));
    expect(error).toMatchObject({ code: "GUEST_SHELL", lines: ["This account is closed."] });
    expect(error.message).toContain("Reading /x failed");
  });
});
