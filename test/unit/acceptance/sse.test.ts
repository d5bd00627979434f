import { describe, expect, it } from "vitest";
import { EventParser } from "../../../src/acceptance/sse.js";
import { streamProblem } from "../../../src/acceptance/stream.js";

/** Parses a text that arrives in chunks of this size. */
function parse(text: string, size: number) {
  const parser = new EventParser();
  const bytes = Buffer.from(text);
  const events = [];
  for (let at = 0; at < bytes.length; at += size) {
    events.push(...parser.write(bytes.subarray(at, at + size), at));
  }
  return events.map(({ type, data }) => [type, data]);
}

describe("EventParser", () => {
  it.each([
    [
      "two events",
      "data: a\n\ndata: b\n\n",
      [
        ["message", "a"],
        ["message", "b"],
      ],
    ],
    [
      "ends of lines of all kinds",
      "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
      [
        ["message", "a"],
        ["message", "b"],
        ["message", "c"],
      ],
    ],
    ["several lines of data", "data: a\ndata:  b\ndata\n\n", [["message", "a\n b\n"]]],
    ["comments, ids and types", ": hi\nid: 7\nevent: x\nretry: 3\ndata:y\n\n", [["x", "y"]]],
    ["an event without data", "event: x\n\ndata: z\n\n", [["message", "z"]]],
    ["an event that is cut off", "data: a\n\ndata: b\n", [["message", "a"]]],
    ["a byte order mark", "\uFEFFdata: a\n\n", [["message", "a"]]],
    ["a byte order mark within the stream", "data: \uFEFFa\n\n", [["message", "\uFEFFa"]]],
    ["an empty type", "event:\ndata: a\n\n", [["message", "a"]]],
    ["an empty line of data", "data:\n\n", [["message", ""]]],
    ["unknown fields and a colon in the data", "x: 1\ndata: a: b\n\n", [["message", "a: b"]]],
    [
      "a type that counts for one event",
      "event: x\ndata: a\n\ndata: b\n\n",
      [
        ["x", "a"],
        ["message", "b"],
      ],
    ],
    ["letters of several bytes", "data: ü✓🎉\n\n", [["message", "ü✓🎉"]]],
    ["nothing", "", []],
  ])("reads %s, whole and in pieces", (_name, text, events) => {
    for (const size of [1, 2, 3, 1000]) expect(parse(text, size)).toEqual(events);
  });
});

describe("the time of an event", () => {
  it("is that of the chunk which completes it", () => {
    const parser = new EventParser();
    const at = (text: string, now: number) => parser.write(Buffer.from(text), now);
    expect(at("data: a\n", 10)).toEqual([]);
    expect(at("\ndata: b\n\ndata:", 20)).toEqual([
      { type: "message", data: "a", at: 20 },
      { type: "message", data: "b", at: 20 },
    ]);
    expect(at(" c\n\n", 30)).toEqual([{ type: "message", data: "c", at: 30 }]);
  });
});

describe("streamProblem", () => {
  const at = (time: number, data: string) => ({ type: "message", data, at: time });
  const events = [at(0, '{"n":""}'), at(50, '{"n":"x"}'), at(120, "[DONE]")];

  it("accepts what is expected", () => {
    const expected = { atLeast: 3, json: { n: { notEmpty: true } }, last: "[DONE]", spread: 100 };
    expect(streamProblem(events, expected)).toBeUndefined();
  });

  it.each([
    [{ atLeast: 4 }, "3 events received, expected at least 4"],
    [{ atLeast: 1, last: "end" }, 'the last event is "[DONE]", not "end"'],
    [{ atLeast: 1, json: { n: "y" } }, 'in no event: n is "x", not "y"'],
    [
      { atLeast: 1, spread: 500 },
      "all events came within 120ms, expected at least 500ms: the response is buffered",
    ],
  ])("says what is wrong with %j", (expected, words) => {
    expect(streamProblem(events, expected)).toContain(words);
  });

  it("reports that no event has JSON", () => {
    const problem = streamProblem([at(0, "text")], { atLeast: 1, json: { n: "y" } });
    expect(problem).toBe("in no event: n (no event has JSON)");
  });
});
