/** The view of a run of another process. */
import { expect, it } from "vitest";
import { RunView } from "../../../src/cli/run-view.js";
import { createSummary } from "../../../src/events/sinks/summary.js";
import type { RunEvent } from "../../../src/events/types.js";

const PAUSED = JSON.stringify({
  v: 1,
  time: "2026-01-01T00:00:00.000Z",
  build: "demo",
  type: "paused",
  reason: "after step packages",
  release: "vmbuild ssh demo",
});

it.each([
  ["demo --on ssh://builder", false, "vmbuild ssh demo --on ssh://builder"],
  ["demo", true, "Press Enter to resume, or open a shell first: vmbuild ssh demo"],
])("shows how the viewer of %s opens a paused run", (reference, takesEnter, release) => {
  const shown: RunEvent[] = [];
  const live = { handle: (event: RunEvent) => void shown.push(event), close: () => {} };
  const display = { live, summary: createSummary() };
  const view = new RunView({ name: "demo", reference, takesEnter }, display, "start");
  view.take(PAUSED);
  expect(shown).toMatchObject([{ type: "paused", reason: "after step packages", release }]);
  expect(view.isPaused).toBe(true);
});
