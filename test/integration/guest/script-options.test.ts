import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runScript } from "../../../src/guest/script.js";
import type { GuestScript, ScriptEnd } from "../../../src/guest/script.js";
import { runProgram } from "../../../src/host/programs.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const isRoot = process.getuid?.() === 0;

let sshd: Sshd;
/** The same, without setpriv on its search path. */
let small: Sshd;
let bin: string;
beforeAll(async () => {
  sshd = await startSshd();
  bin = await mkdtemp(join(tmpdir(), "vmbuild-bin-"));
  await chmod(bin, 0o755);
  for (const program of ["bash", "cat", "chown", "getent", "id", "python3", "rm", "sh", "su"]) {
    const { stdout } = await runProgram("sh", ["-c", `command -v ${program}`], {
      captureOutput: true,
      env: { PATH: "/usr/bin:/bin" },
    });
    await symlink(stdout.trim(), join(bin, program));
  }
  small = await startSshd({ configuration: [`SetEnv PATH=${bin}`] });
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
  await small[Symbol.asyncDispose]();
  await rm(bin, { recursive: true });
});

interface Ran {
  readonly end: ScriptEnd;
  readonly lines: string[];
}

async function run(
  content: string,
  more: Partial<GuestScript> = {},
  server: Sshd = sshd,
): Promise<Ran> {
  const lines: string[] = [];
  const end = await runScript(await server.connect(), {
    content,
    interpreter: ["/bin/sh"],
    signal: server.signal,
    onLine: (line) => lines.push(line),
    ...more,
  });
  return { end, lines };
}

describe("the working directory of a script", () => {
  it("is the given one, whatever characters its name has", async () => {
    const cwd = join(sshd.folder, 'a folder\'s "$name"');
    await mkdir(cwd);
    expect((await run("pwd", { cwd })).lines).toEqual([cwd]);
  });

  it.each(["/no/such/folder", "/etc/passwd"])("must be a folder: %s", async (cwd) => {
    const error = await errorOf(run("echo never", { cwd }));
    expect(error).toMatchObject({ code: "STEP_FAILED", exitCode: 7 });
    expect(error.message).toBe(
      `The script's working directory ${cwd} is not a folder of the guest that root can enter`,
    );
  });
});

describe("the interpreter of a script", () => {
  it("may be a name on the search path, with arguments", async () => {
    const { lines } = await run("import sys; print(sys.flags.isolated, sys.argv[1:])", {
      interpreter: ["python3", "-I"],
      arguments: ["one", "two words"],
    });
    expect(lines).toEqual(["1 ['one', 'two words']"]);
  });

  it("is named where the guest does not have it", async () => {
    const error = await errorOf(run("true", { interpreter: ["env", "no-such-program"] }));
    expect(error.message).toBe("The guest has no no-such-program, which the script needs");
  });
});

describe.skipIf(!isRoot)("the user of a script", () => {
  const REPORT = 'id -un; id -gn; echo "$HOME $USER $LOGNAME"; test -r "$0" && echo readable';

  it.each([
    ["setpriv", () => sshd],
    ["su", () => small],
  ])("is switched to by %s, with the user's groups and home directory", async (_, server) => {
    const { end, lines } = await run(`${REPORT}; pwd`, { user: "daemon" }, server());
    expect(lines).toEqual([
      ...["daemon", "daemon", "/usr/sbin daemon daemon", "readable"],
      expect.stringMatching(/^(\/usr)?\/sbin$/),
    ]);
    expect(end).toEqual({ exitCode: 0, signal: null, timedOut: false });
  });

  it.each([
    ["setpriv", () => sshd],
    ["su", () => small],
  ])("gets arguments, environment and exit code through %s", async (_, server) => {
    const args = ["it's", '"$HOME"', "", "a\nb", "*"];
    const environment = { HOSTILE: `'";\`id\`$(id)\\\nx`, u: "1", n: "2", HOME: "/own" };
    const names = JSON.stringify(Object.keys(environment));
    const { end, lines } = await run(
      `import json, os, sys\nprint(json.dumps([sys.argv[1:], [os.environ[n] for n in ${names}]]))\nsys.exit(41)`,
      { user: "daemon", interpreter: ["python3"], arguments: args, environment, cwd: "/" },
      server(),
    );
    expect(JSON.parse(lines.join(""))).toEqual([args, Object.values(environment)]);
    expect(end.exitCode).toBe(41);
  });

  it("begins in / where its home directory does not exist", async () => {
    expect((await run("id -un; pwd", { user: "nobody" })).lines).toEqual(["nobody", "/"]);
  });

  it("may be root, or a numeric ID", async () => {
    expect((await run("id -un; pwd", { user: "root" })).lines).toEqual(["root", "/root"]);
    expect((await run("id -un", { user: "1" })).lines).toEqual(["daemon"]);
  });

  it("cannot enter a folder of another user", async () => {
    const cwd = join(sshd.folder, "private");
    await mkdir(cwd, { mode: 0o700 });
    const error = await errorOf(run("echo never", { user: "nobody", cwd }));
    expect(error.message).toContain(`${cwd} is not a folder of the guest that nobody can enter`);
  });

  it("must exist", async () => {
    const error = await errorOf(run("echo never", { user: "no-such-user" }));
    expect(error).toMatchObject({ code: "STEP_FAILED", exitCode: 7 });
    expect(error.message).toBe("The guest has no user no-such-user, which is to run the script");
  });

  it("is ended with its children after a deadline", async () => {
    const { end } = await run("sleep 2718281 & sleep 2718282", { user: "daemon", timeoutMs: 700 });
    expect(end.timedOut).toBe(true);
    const { lines } = await run(
      "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -x 271828[12]",
    );
    expect(lines).toEqual([]);
  });
});
