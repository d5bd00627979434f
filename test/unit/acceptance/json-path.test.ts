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
  ])("finds %s", (path, values) => {
    expect(jsonPathProblem(path)).toBeUndefined();
    expect(valuesAt(document, path)).toEqual(values);
  });

  it.each([
    ["$..id", ["a", "b"]],
    ["data..id", ["a", "b"]],
    ["data[-1].id", ["b"]],
    ["data[0:1].id", ["a"]],
    ["data[*]['id','size']", ["a", 1, "b", 20]],
    ["$['odd key.x']", [{ deep: null }]],
    ["data[?@.size > 10].id", ["b"]],
    ["data[?match(@.id, '[a-z]')].size", [1, 20]],
    ["data[?count(@.*) == 3].id", ["b"]],
    ["$.data[?@.id == $.data[0].id].size", [1]],
  ])("takes what RFC 9535 has: %s", (path, values) => {
    expect(jsonPathProblem(path)).toBeUndefined();
    expect(valuesAt(document, path)).toEqual(values);
  });

  it("accepts a name with a hyphen in short form", () => {
    expect(jsonPathProblem("rate-limit.left")).toBeUndefined();
    expect(valuesAt({ "rate-limit": { left: 3 } }, "rate-limit.left")).toEqual([3]);
  });

  it.each([
    ["", '"$" selects the whole document'],
    ["data[", "unclosed bracketed selection at character 6"],
    ["$.data[", "unclosed bracketed selection at character 8"],
    ["data[x]", "unexpected token 'x' in bracketed selection at character 6"],
    ["[x]", "unexpected token 'x' in bracketed selection at character 2"],
    [".data", 'write "$.data"'],
    ["..id", 'write "$..id"'],
    ["data id", "found 'i' at character 6"],
    ["$data[", "found 'd' at character 2"],
    ["a[0]b", "found 'b' at character 5"],
    ["$.a[?@.b = 1]", "at character 10"],
    ["$.a[?nothing(@)]", "no such function 'nothing' at character 6"],
    ["$[?length(@.*) > 1]", "at character 11"],
    ["$[9007199254740993]", "index out of range at character 3"],
    ["data[01]", "at character 6"],
    ["data.", "at character 6"],
    ["$ ", "at character 3"],
    ["a\n[", "at character"],
  ])("refuses %j, and says where it is wrong", (path, words) => {
    const problem = jsonPathProblem(path);
    expect(problem).toContain(`${JSON.stringify(path)} is not a valid JSONPath (RFC 9535): `);
    expect(problem).toContain(words);
  });

  it("reports a document that is nested too deeply for a search at every depth", () => {
    const deep = JSON.parse(`${"[".repeat(200)}1${"]".repeat(200)}`) as unknown;
    expect(() => valuesAt(deep, "$..id")).toThrow("recursion limit");
  });
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
