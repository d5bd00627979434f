import { describe, expect, it } from "vitest";
import { jsonPathProblem, mismatchAt, valuesAt } from "../../../src/acceptance/json-path.js";

const document = {
  data: [
    { id: "a", size: 1 },
    { id: "b", size: 20, tags: [] },
  ],
  choices: [{ message: { content: "Hello" } }],
  "odd key.x": { deep: null },
  empty: {},
};

describe("valuesAt", () => {
  it.each([
    ["data[*].id", ["a", "b"]],
    ["$.data[1].size", [20]],
    ["$", [document]],
    ["choices[0].message.content", ["Hello"]],
    ['["odd key.x"].deep', [null]],
    ["data[7].id", []],
    ["data.id", []],
    ["choices[0][0]", []],
    ["empty[*]", []],
    ["constructor", []],
  ])("%s", (path, values) => {
    expect(jsonPathProblem(path)).toBeUndefined();
    expect(valuesAt(document, path)).toEqual(values);
  });

  it.each(["", "data[", "data[x]", "data..id", ".data", "data id", "$data[", "a[0]b"])(
    "refuses %j",
    (path) => {
      expect(jsonPathProblem(path)).toContain("a path is made of");
    },
  );
});

describe("mismatchAt", () => {
  it.each([
    ["data[*].id", "b"],
    ["data[*].size", { atLeast: 20 }],
    ["data", { type: "array", atLeast: 2, atMost: 2 }],
    ["choices[0].message.content", { type: "string", notEmpty: true, matches: "^Hel" }],
    ["nothing", { exists: false }],
    ['["odd key.x"].deep', { type: "null" }],
    ["choices[0].message", { exists: true }],
  ] as const)("%s fits %j", (path, expected) => {
    expect(mismatchAt(document, path, expected)).toBeUndefined();
  });

  it.each([
    ["data[*].id", "c", 'data[*].id is "a", "b", not "c"'],
    ["data[0].size", "1", 'data[0].size is 1, not "1"'],
    ["data[1].tags", { notEmpty: true }, 'data[1].tags is [], not {"notEmpty":true}'],
    ["nothing", "x", "nothing does not exist"],
    ["empty", { exists: false }, "empty exists: {}"],
    ["data[*].id", { atMost: 0 }, 'data[*].id is "a", "b", not {"atMost":0}'],
    ["data[0].size", { matches: "1" }, 'data[0].size is 1, not {"matches":"1"}'],
  ] as const)("%s does not fit %j", (path, expected, words) => {
    expect(mismatchAt(document, path, expected)).toBe(words);
  });
});
