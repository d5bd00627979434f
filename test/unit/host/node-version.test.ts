import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OLDEST_NODE, isNodeSupported } from "../../../src/host/node-version.js";

it("supports the versions that package.json names", () => {
  const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as {
    engines: { node: string };
  };
  expect(engines.node).toBe(`>=${OLDEST_NODE}`);
  expect(isNodeSupported()).toBe(true);
  expect(["20.19.0", "20.20.2", "22.0.0", "100.1.0"].every(isNodeSupported)).toBe(true);
  expect(["20.18.3", "18.20.8", "16.20.2"].some(isNodeSupported)).toBe(false);
});
