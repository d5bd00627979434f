import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { ActionContext } from "../../../src/steps/action.js";
import { local } from "../../../src/steps/local.js";
import type { EventBody } from "../../../src/events/types.js";
import { guestOf } from "../../support/guest-of.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";

let folder: string;
let lines: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-local-"));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true }));

function run(commands: string[], more: Partial<ActionContext> = {}): Promise<void> {
  return local.run({ local: commands }, {
    environment: {},
    timeoutMs: 30_000,
    templateFolder: folder,
    outputFolder: join(folder, "out"),
    signal: new AbortController().signal,
    onLine: (line, stream, source) => lines.push(`${source} ${stream} ${line}`),
    ...more,
  } as ActionContext);
}

/** Returns the processes with this argument. */
async function processesWith(word: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.split("\0").includes(word)) found.push(Number(pid));
  }
  return found;
}

const countWith = async (word: string): Promise<number> => (await processesWith(word)).length;

/** Kills processes that a test left running on purpose. */
async function killWith(word: string): Promise<void> {
  for (const pid of await processesWith(word)) process.kill(pid, "SIGKILL");
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

  it("logs in to the guest with the files of its environment", async () => {
    await using sshd = await startSshd();
    const guest = await guestOf(sshd);
    const connect =
      'ssh -F /dev/null -i "$VMBUILD_SSH_KEY" -p "$VMBUILD_SSH_PORT" -o BatchMode=yes ' +
      '-o UserKnownHostsFile="$VMBUILD_SSH_KNOWN_HOSTS" "$VMBUILD_SSH_USER@$VMBUILD_SSH_HOST"';
    await run([`${connect} 'echo in the guest'`], { guest });
    expect(lines).toEqual(["local stdout in the guest"]);
  });

  it("has no login without a guest, and fails only if it needs one that the guest refuses", async () => {
    const show = 'env | grep -c "^VMBUILD_S"SH_ || true';
    await run([show]);
    await using closed = await startSshd({ otherClientKey: true });
    await using sshd = await startSshd();
    const events: EventBody[] = [];
    const guest = await guestOf(sshd, { events, servers: [closed.target] });
    const emit = (event: EventBody): void => void events.push(event);
    await run([show], { guest, emit });
    expect(lines).toEqual(["local stdout 0", "local stdout 0"]);
    expect(events).toEqual([
      {
        type: "note",
        message:
          "Local commands have no VMBUILD_SSH_ variables: The guest accepts no key for a program of this host",
      },
    ]);
    const error = await errorOf(run(["echo $VMBUILD_SSH_PORT"], { guest, emit }));
    expect(error).toMatchObject({ code: "GUEST_AUTH", exitCode: 6 });
  });

  it("ends at the first command that fails, also inside a pipe", async () => {
    const error = await errorOf(run(["echo one", "false | cat", "echo never"]));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { exitCode: 1 } });
    expect(error.message).toContain("local: echo one (and 2 more)");
    expect(error.lines).toEqual(["one"]);
  });

  it.each([
    ["cat", "cat"],
    ["read", "read -r line || echo empty"],
    ["a loop", 'while read -r line; do echo "got $line"; done'],
    ["python", "python3 -c 'import sys; print(repr(sys.stdin.read()))'"],
    ["another bash", "bash"],
    ["a background child", "cat & wait"],
  ])("gives %s an empty standard input, and runs what follows", async (_, reader) => {
    await run([reader, "echo after"]);
    expect(lines.at(-1)).toBe("local stdout after");
    expect(lines.join()).not.toContain("echo after");
  });

  it("runs the commands after one that reads its input", async () => {
    const error = await errorOf(run(["cat", "exit 7"]));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { exitCode: 7 } });
  });

  it("accepts here-documents, quotes over several lines, and scripts of megabytes", async () => {
    const long = `: '${"x".repeat(2 * 2 ** 20)}'`;
    await run(["cat <<'END'", "one $HOME", "END", "echo 'two", "three'", long, "echo $LINENO"]);
    expect(lines).toEqual([
      "local stdout one $HOME",
      "local stdout two",
      "local stdout three",
      "local stdout 7",
    ]);
  });

  it("ends with its shell when a background child keeps the output open", async () => {
    try {
      // Forty seconds exceed the time in which it should end, but not the test's own limit.
      await run(["sleep 271831 & echo started"], { timeoutMs: 40_000 });
      expect(lines).toEqual(["local stdout started"]);
      expect(await countWith("271831")).toBe(1);
    } finally {
      await killWith("271831");
    }
  });

  it("uses the exit code of its shell, not that of a child in another session", async () => {
    try {
      const error = await errorOf(run(["setsid sleep 271832 & exit 5"], { timeoutMs: 40_000 }));
      expect(error).toMatchObject({ code: "STEP_FAILED", details: { exitCode: 5 } });
    } finally {
      await killWith("271832");
    }
  });

  it("reads what a background child prints right after the end", async () => {
    await run(["(sleep 0.3; echo late) & echo early"]);
    expect(lines).toEqual(["local stdout early", "local stdout late"]);
  });

  it("does not wait for a child in another session after its timeout", async () => {
    try {
      const error = await errorOf(run(["setsid sleep 271833 & sleep 271834"], { timeoutMs: 1000 }));
      expect(error).toMatchObject({ code: "STEP_TIMEOUT" });
    } finally {
      await killWith("271833");
    }
  });

  it("has secrets in no argument list", async () => {
    const environment = { SECRET: randomUUID() };
    // printf is the shell's own, so that no process of the search has the secret either.
    const search = [
      'printf %s "$SECRET" >pattern',
      "grep -aqzf pattern /proc/[0-9]*/cmdline && echo found || echo none",
    ];
    await run(search, { environment });
    expect(lines).toEqual(["local stdout none"]);
  });

  it("is killed with its children after its timeout", async () => {
    const error = await errorOf(
      run(["echo started; sleep 271828 & sleep 271829"], { timeoutMs: 1000 }),
    );
    expect(error).toMatchObject({ code: "STEP_TIMEOUT" });
    expect(error.lines).toEqual(["started"]);
    expect(await countWith("271828")).toBe(0);
    expect(await countWith("271829")).toBe(0);
  });

  it("is killed with its children when the run is cancelled", async () => {
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
