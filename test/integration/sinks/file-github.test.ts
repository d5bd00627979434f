/** Writes events to files, and reports to GitHub Actions. */
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import { makeSinkFolder, note } from "../../support/sinks.js";

let place: Awaited<ReturnType<typeof makeSinkFolder>>;
beforeEach(async () => {
  place = await makeSinkFolder();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await place[Symbol.asyncDispose]();
});

describe("file", () => {
  it("appends the events of runs, as JSON or text, to a file beside the template", async () => {
    for (const id of ["r1", "r2"]) {
      const run = await place.run(id, { file: "log/events.ndjson", events: ["note"] });
      run.secrets.add("hunter22");
      run.emit(note(`from ${id} hunter22`));
      run.emit({ type: "resumed" });
      expect(await run.end()).toMatchObject({ delivered: 1, lost: 0 });
    }
    const path = join(place.folder, "log/events.ndjson");
    const lines = (await readFile(path, "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id: "r1-1", message: "from r1 ***" },
      { id: "r2-1", message: "from r2 ***" },
    ]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const run = await place.run("r3", { file: "log.txt", format: "text" });
    run.emit(note("a\u001b[31m b"));
    await run.end();
    expect(await readFile(join(place.folder, "log.txt"), "utf8")).toMatch(/^\S+Z demo a b\n$/);
  });

  it("does not wait for the reader of a pipe, and warns of what cannot be written", async () => {
    const pipe = join(place.folder, "pipe");
    await promisify(execFile)("mkfifo", [pipe]);
    for (const path of [pipe, place.folder, "/dev/full"]) {
      const run = await place.run("r1", { file: path });
      run.emit(note("one"));
      await run.end();
      const [warning] = run.reports;
      expect(warning).toMatchObject({ type: "warning" });
      expect(JSON.stringify(warning)).toMatch(/pipe|folder|ENOSPC/);
    }
  });
});

const failed: EventBody = {
  type: "run.failed",
  durationMs: 2000,
  error: {
    ...{
      code: "STEP_FAILED",
      exit: 7,
      message: "Step packages failed: 100%",
      hint: "Read the log.",
    },
    lines: ["E: unable | to locate `x`"],
    details: { step: "packages" },
  },
};

describe("github", () => {
  it("marks the failed step and writes the summary of the job", async () => {
    let printed = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    const summary = join(place.folder, "summary.md");
    const environment = {
      ...{ GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary, GITHUB_WORKSPACE: place.folder },
    };
    const run = await place.run("r1", { github: true }, { environment });
    run.emit({ type: "step.finished", step: "base", index: 1, total: 2, durationMs: 1000 });
    run.emit({ type: "warning", message: "is old: a, b" });
    run.emit({ type: "step.failed", step: "packages", index: 2, total: 2, durationMs: 900 });
    run.emit(failed);
    expect(await run.end()).toMatchObject({ lost: 0 });
    expect(printed.trimEnd().split("\n")).toEqual([
      "::warning title=vmbuild demo::is old: a, b",
      "::error file=demo.json,line=7,title=vmbuild demo%2C step packages%3A STEP_FAILED::Step packages failed: 100%25%0AE: unable | to locate `x`%0Ahint: Read the log.",
    ]);
    const text = await readFile(summary, "utf8");
    expect(text).toContain("### vmbuild: demo");
    expect(text).toContain("**Failed** after 2s: Step packages failed: 100% (STEP_FAILED)");
    expect(text).toContain("| base | done | 1s |");
    expect(text).toContain("| packages | **failed** | 900ms |");
    expect(text).toContain("```\nE: unable | to locate `x`\n```");
    expect(text).toContain("- is old: a, b");
  });

  it("does nothing outside of a job", async () => {
    const write = vi.spyOn(process.stderr, "write");
    const run = await place.run("r1", { github: true });
    run.emit(failed);
    expect(await run.end()).toMatchObject({ delivered: 0, lost: 0 });
    expect(write).not.toHaveBeenCalled();
  });
});
