import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { Connection } from "../../../src/guest/connection.js";
import { runQuietly, runScript } from "../../../src/guest/script.js";
import type { GuestScript, ScriptEnd } from "../../../src/guest/script.js";
import { errorOf } from "../../support/inputs.js";
import { kill, startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

let sshd: Sshd;
let connection: Connection;
beforeAll(async () => {
  sshd = await startSshd();
  connection = await sshd.connect();
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
});

interface Ran {
  readonly end: ScriptEnd;
  readonly stdout: string[];
  readonly stderr: string[];
}

async function run(content: string | Buffer, more: Partial<GuestScript> = {}): Promise<Ran> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const end = await runScript(connection, {
    content,
    interpreter: ["/bin/sh"],
    signal: sshd.signal,
    onLine: (line, stream) => (stream === "stdout" ? stdout : stderr).push(line),
    ...more,
  });
  return { end, stdout, stderr };
}

/** Runs a script that prints `ready`, and calls `act` then. */
function whenReady(content: string, act: () => unknown, more: Partial<GuestScript> = {}) {
  return runScript(connection, {
    content,
    interpreter: ["/bin/sh"],
    signal: sshd.signal,
    onLine: (line) => void (line === "ready" && act()),
    ...more,
  });
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

/** Duration for `sleep` that no other process uses. */
let naps = 31_415_900;
const nap = (): string => String(naps++);

describe("how a script ends", () => {
  it.each([0, 1, 42, 255])("with exit code %i", async (code) => {
    const { end } = await run(`exit ${code}`);
    expect(end).toEqual({ exitCode: code, signal: null, timedOut: false });
  });

  it("by a signal, with the exit code of shells", async () => {
    expect((await run("kill -KILL $$")).end.exitCode).toBe(137);
  });

  it.each([
    { interpreter: ["/no/such/interpreter"], name: "/no/such/interpreter" },
    { interpreter: ["/usr/bin/env", "no-such-interpreter"], name: "no-such-interpreter" },
  ])("with an error where its interpreter is missing: $name", async ({ interpreter, name }) => {
    const error = await errorOf(run("true", { interpreter }));
    expect(error).toMatchObject({ code: "STEP_FAILED", exitCode: 7 });
    expect(error.message).toBe(`The guest has no ${name}, which the script needs`);
  });

  it("with an error that names another shell where bash is missing", async () => {
    const error = await errorOf(run("true", { interpreter: ["/no/such/bash"] }));
    expect(error.hint).toContain('"shell": "sh"');
  });

  it("with 127 of its own, which is not an error of the interpreter", async () => {
    expect((await run("exit 127")).end.exitCode).toBe(127);
  });

  it("leaves nothing of the script behind", async () => {
    const { stdout } = await run('echo "$0"');
    expect(stdout[0]).toMatch(/^\/(run|tmp)\/vmbuild-[0-9a-f]{12}$/);
    expect(existsSync(stdout[0] ?? "/")).toBe(false);
  });
});

describe("what a script is given", () => {
  it("its interpreter with arguments, and its own", async () => {
    const args = ["plain", "two words", "it's", '"$HOME"', "", "a\nb", "-x", "*"];
    const { stdout } = await run("for a; do printf '<%s>' \"$a\"; done; echo; echo $-", {
      interpreter: ["/bin/bash", "-u"],
      arguments: args,
    });
    const flags = stdout.pop();
    expect(stdout.join("\n")).toBe(args.map((arg) => `<${arg}>`).join(""));
    expect(flags).toContain("u");
  });

  it("an environment with hostile values, and names that the wrapper uses itself", async () => {
    const environment = {
      QUOTES: `'";\`id\`$(id)\\`,
      LINES: "first\nsecond",
      EMPTY: "",
      UNICODE: "Grüße, 世界 🎉",
      d: "/etc",
      c: "7",
      p: "x",
      s: "y",
    };
    const names = Object.keys(environment);
    const { end, stdout } = await run(
      `import json, os; print(json.dumps([os.environ.get(n) for n in ${JSON.stringify(names)}]))`,
      { interpreter: ["/usr/bin/env", "python3"], environment },
    );
    expect(JSON.parse(stdout.join(""))).toEqual(Object.values(environment));
    expect(end.exitCode).toBe(0);
  });

  it("an empty standard input", async () => {
    expect((await run("wc -c")).stdout).toEqual(["0"]);
  });

  it("its bytes as they are", async () => {
    const content = Buffer.concat([Buffer.from('tail -n 1 "$0"; exit\n'), Buffer.from("Ünï\n")]);
    expect((await run(content)).stdout).toEqual(["Ünï"]);
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const sum = createHash("sha256").update(every).digest("hex");
    const { stdout } = await run(
      Buffer.concat([Buffer.from('tail -c 256 "$0" | sha256sum; exit\n'), every]),
    );
    expect(stdout).toEqual([`${sum}  -`]);
  });

  it("secrets in no argument list, on neither side", async () => {
    const secret = `secret-${nap()}`;
    const go = join(sshd.folder, "go");
    let seen: string[] | undefined;
    const readArguments = async (): Promise<void> => {
      const lists: string[] = [];
      for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        lists.push(await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
      }
      seen = lists.filter((list) => list.includes(secret));
      await writeFile(go, "");
    };
    const script = `# ${secret}\necho ready; while [ ! -e ${go} ]; do sleep 0.05; done; [ "$S" = ${secret} ]`;
    const reads: Promise<void>[] = [];
    const { exitCode } = await whenReady(script, () => reads.push(readArguments()), {
      environment: { S: secret },
    });
    await Promise.all(reads);
    expect(exitCode).toBe(0);
    expect(seen).toEqual([]);
  });
});

describe("what a script prints", () => {
  it("comes by stream, in lines, with split characters joined", async () => {
    const { stdout, stderr } = await run(
      "printf 'a\\303'; sleep 0.2; printf '\\244b\\n'; echo err >&2; printf 'no end'",
    );
    expect(stdout).toEqual(["aäb", "no end"]);
    expect(stderr).toEqual(["err"]);
  });

  it("may be any amount: 300 MB in bounded memory, without loss", async () => {
    let lines = 0;
    let most = 0;
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const line = "a line of some length, which is not much in a single log";
    const end = await runScript(connection, {
      content: `yes '${line}' | head -c 300000000`,
      interpreter: ["/bin/sh"],
      signal: sshd.signal,
      onLine: () => {
        if (++lines % 50_000 === 0) most = Math.max(most, process.memoryUsage().rss - before);
      },
    });
    expect(end.exitCode).toBe(0);
    expect(lines).toBe(Math.ceil(300_000_000 / (line.length + 1)));
    expect(most / 2 ** 20).toBeLessThan(80);
  });

  it("may be more on stderr than a window holds", async () => {
    const { end, stderr, stdout } = await run(
      "head -c 8000000 /dev/zero | tr '\\0' x | fold -w 1000 >&2; echo; echo end",
    );
    expect(end.exitCode).toBe(0);
    expect(stderr).toHaveLength(8000);
    expect(stdout.at(-1)).toBe("end");
  });

  it("ends with the script, although a daemon of it holds the output open", async () => {
    const seconds = nap();
    try {
      const { end, stdout } = await run(`echo started; setsid sleep ${seconds} & exit 5`);
      expect(end.exitCode).toBe(5);
      expect(stdout).toEqual(["started"]);
      expect(await processesWith(seconds)).toHaveLength(1);
    } finally {
      for (const pid of await processesWith(seconds)) kill(pid);
    }
  });
});

describe("a deadline", () => {
  it("kills the whole session: processes that ignore TERM, and other process groups", async () => {
    const [stubborn, grouped, plain] = [nap(), nap(), nap()];
    const script = `set -m
      (trap '' TERM; sleep ${stubborn}) &
      sleep ${grouped} &
      echo still here
      sleep ${plain}`;
    const { end, stdout } = await run(script, { interpreter: ["/bin/bash"], timeoutMs: 1500 });
    expect(end.timedOut).toBe(true);
    expect(stdout).toContain("still here");
    for (const seconds of [stubborn, grouped, plain]) {
      expect(await processesWith(seconds)).toEqual([]);
    }
  });

  it("does not affect the connection", async () => {
    await run("sleep 600", { timeoutMs: 300 });
    expect((await run("echo fine")).stdout).toEqual(["fine"]);
  });

  it("is not reported for a script that ended before it", async () => {
    expect((await run("exit 9", { timeoutMs: 30_000 })).end).toEqual({
      exitCode: 9,
      signal: null,
      timedOut: false,
    });
  });
});

describe("a lost connection", () => {
  it("is an error", async () => {
    await using other = await startSshd();
    const lost = await other.connect();
    const seconds = nap();
    try {
      const running = runScript(lost, {
        content: `echo ready; sleep ${seconds}`,
        interpreter: ["/bin/sh"],
        signal: other.signal,
        onLine: () => void other.sessions().then((pids) => pids.forEach((pid) => kill(pid))),
      });
      expect(await errorOf(running)).toMatchObject({ code: "GUEST_LOST", exitCode: 6 });
    } finally {
      for (const pid of await processesWith(seconds)) kill(pid);
    }
  });

  it("does not delay a cancelled run, although the guest hangs", async () => {
    await using other = await startSshd();
    const hung = await other.connect();
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const sessions = await other.sessions();
    for (const pid of sessions) kill(pid, "SIGSTOP");
    const running = runScript(hung, {
      content: "true",
      interpreter: ["/bin/sh"],
      signal: cancel.signal,
    });
    cancel.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});

describe("a short command of vmbuild's own", () => {
  const ask = (command: string, options: { timeoutMs?: number } = {}) =>
    runQuietly(connection, command, sshd.signal, options);

  it("returns its lines, its complete output and its exit code", async () => {
    const { end, lines, output: commandLine } = await ask("echo one; echo two >&2; exit 7");
    expect(lines).toEqual(["one"]);
    expect(commandLine.toSorted()).toEqual(["one", "two"]);
    expect(end).toEqual({ exitCode: 7, signal: null, timedOut: false });
  });

  it("has empty standard input: its programs do not read the rest of it", async () => {
    expect((await ask("cat; read -r line; echo end; cat <<X\nhere\nX")).lines).toEqual([
      "end",
      "here",
    ]);
  });

  it("appears in no argument list", async () => {
    const secret = `secret-${nap()}`;
    const { lines } = await ask(`: ${secret}; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '`);
    expect(lines.join("")).toContain("sshd");
    expect(lines.join("")).not.toContain(secret);
  });

  it("is killed with all that it started after its timeout", async () => {
    const time = nap();
    const { end } = await ask(`sleep ${time} & sleep ${time}; echo never`, { timeoutMs: 4000 });
    expect(end).toEqual({ exitCode: null, signal: "TERM", timedOut: true });
    expect(await processesWith(time)).toEqual([]);
  });
});

describe("a command that ends its output before itself", () => {
  it("is waited for until its exit code arrives", async () => {
    // The server reports the end of the output at once, and the exit code when the shell has ended.
    const { end } = await runQuietly(connection, "exec >&- 2>&-\nsleep 0.3\nexit 3", sshd.signal);
    expect(end).toMatchObject({ exitCode: 3, signal: null });
  });
});
