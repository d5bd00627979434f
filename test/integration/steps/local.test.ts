import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { ActionContext } from "../../../src/steps/action.js";
import { local } from "../../../src/steps/local.js";
import { errorOf } from "../../support/inputs.js";

let folder: string;
let lines: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-local-"));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true }));

function run(commands: string[], more: Partial<ActionContext> = {}): Promise<void> {
  return local.run({ local: commands, cache: false }, {
    environment: {},
    timeoutMs: 30_000,
    templateFolder: folder,
    outputFolder: join(folder, "out"),
    signal: new AbortController().signal,
    onLine: (line, stream, source) => lines.push(`${source} ${stream} ${line}`),
    ...more,
  } as ActionContext);
}

/** How many processes have this word in their argument list. */
async function countWith(word: string): Promise<number> {
  let count = 0;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (words.split("\0").includes(word)) count++;
  }
  return count;
}

describe("a local action", () => {
  it("runs in the template's folder, with the step's environment and the output's place", async () => {
    const environment = { WHO: 'it\'s "me"' };
    await run(['pwd; echo "$WHO"; echo "$VMBUILD_OUTPUT" >&2'], { environment });
    expect(lines.toSorted()).toEqual([
      `local stderr ${folder}/out`,
      `local stdout ${folder}`,
      'local stdout it\'s "me"',
    ]);
  });

  it("ends at the first command that fails, also inside a pipe", async () => {
    const error = await errorOf(run(["echo one", "false | cat", "echo never"]));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { exitCode: 1 } });
    expect(error.message).toContain("local: echo one (and 2 more)");
    expect(error.lines).toEqual(["one"]);
  });

  it("has secrets in no argument list", async () => {
    const environment = { SECRET: "secret-value" };
    const look = "grep -aqz 'se''cret-value' /proc/[0-9]*/cmdline && echo found || echo none";
    await run([look], { environment });
    expect(lines).toEqual(["local stdout none"]);
  });

  it("is ended with its children when its time is over", async () => {
    const error = await errorOf(
      run(["echo started; sleep 271828 & sleep 271829"], { timeoutMs: 1000 }),
    );
    expect(error).toMatchObject({ code: "STEP_TIMEOUT" });
    expect(error.lines).toEqual(["started"]);
    expect(await countWith("271828")).toBe(0);
    expect(await countWith("271829")).toBe(0);
  });

  it("is ended with its children when the run is cancelled", async () => {
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const running = run(["echo started; sleep 271830"], {
      signal: cancel.signal,
      onLine: () => cancel.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
    expect(await countWith("271830")).toBe(0);
  });
});
