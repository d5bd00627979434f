import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { LONGEST } from "../../support/longest-first.js";

it("names only end-to-end tests that exist, each once", () => {
  expect(LONGEST.filter((name) => !existsSync(`test/e2e/${name}.test.ts`))).toEqual([]);
  expect(new Set(LONGEST).size).toBe(LONGEST.length);
});
