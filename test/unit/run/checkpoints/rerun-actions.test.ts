import { describe, expect, it } from "vitest";
import { hasHostActions } from "../../../../src/run/checkpoints/rerun-actions.js";
import { stepSchema } from "../../../../src/steps/schema.js";

const step = (more: object) => stepSchema.parse({ name: "it", ...more });

describe("hasHostActions", () => {
  it("is true for a step whose local action no checkpoint contains", () => {
    expect(hasHostActions(step({ actions: [{ local: "make" }] }))).toBe(true);
    expect(hasHostActions(step({ actions: [{ local: "make", cache: true }] }))).toBe(false);
    expect(hasHostActions(step({ actions: [{ run: "make" }] }))).toBe(false);
  });

  it("is false for a step with skipIf, which only the guest can decide", () => {
    expect(hasHostActions(step({ skipIf: "true", actions: [{ local: "make" }] }))).toBe(false);
  });
});
