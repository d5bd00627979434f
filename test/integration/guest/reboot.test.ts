import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { connectOnce } from "../../../src/guest/connection.js";
import { firstConnection } from "../../../src/guest/first-connection.js";
import { systemStateScript, parseSystemState } from "../../../src/guest/system-state.js";
import { reconnectAfterLoss, reconnectAfterReboot } from "../../../src/guest/reboot.js";
import { runQuietly, runScript } from "../../../src/guest/script.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const OLD = "11111111-2222-3333-4444-555555555555";
const NEW = "66666666-7777-8888-9999-000000000000";

let folder: string;
let sshd: Sshd;

/**
 * Starts a server whose user runs a single program in place of a guest that restarts: asked for its
 * boot ID, it prints the file `boot`; any other command, which would be to restart, replaces that
 * by the file `next`. This host is not restarted.
 */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-reboot-"));
  const shell = join(folder, "shell");
  const lines = [
    "#!/bin/sh",
    `cd ${folder}; input=$(cat)`,
    String.raw`begin() { printf '%s\n' "$input" | sed -n 's/^echo "\(vmbuild-[0-9a-f]*\):.*/\1:1:/p'; }`,
    "case $input in",
    String.raw`  *boot_id*) grep -q '[0-9a-f]\{8\}-' boot && begin; cat boot ;;`,
    `  *) begin; [ ! -e next ] || mv next boot ;;`,
    "esac",
  ];
  await writeFile(shell, `${lines.join("\n")}\n`);
  await chmod(shell, 0o755);
  sshd = await startSshd({ configuration: [`ForceCommand ${shell}`] });
});

afterEach(async () => {
  await sshd[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function restart(
  { before = OLD, next }: { before?: string; next: string },
  timeoutMs: number,
  resets?: () => number,
) {
  await writeFile(join(folder, "boot"), `${before}\n`);
  await writeFile(join(folder, "next"), `${next}\n`);
  return reconnectAfterReboot({
    connection: await sshd.connect(),
    connect: () => sshd.connect(),
    resets,
    timeoutMs,
    signal: sshd.signal,
    privilege: "root",
  });
}

describe("a restart", () => {
  it("has completed when another boot ID is reported", async () => {
    const connection = await restart({ next: NEW }, 60_000);
    expect(connection.lost.aborted).toBe(false);
  });

  it("finds the boot ID among other output", async () => {
    const around = (boot: string): string => `Welcome!\n${boot}\nBye.`;
    const connection = await restart({ before: around(OLD), next: around(NEW) }, 60_000);
    expect(connection.lost.aborted).toBe(false);
  });

  it("reports that the old boot is still running", async () => {
    const error = await errorOf(restart({ next: OLD }, 1500));
    expect(error.code).toBe("GUEST_TIMEOUT");
    expect(error.message).toContain("it is still running the previous boot");
  });

  const MUTE = "Password change required but no TTY available.";

  it.each([
    { resets: [0, 1], words: "The guest restarted, and accepts the login" },
    { resets: undefined, words: "The guest accepts the login" },
  ])("quotes a guest that runs no commands: $words", async ({ resets, words }) => {
    let asked = 0;
    const count = resets && ((): number => resets[Math.min(asked++, 1)] ?? 0);
    const error = await errorOf(restart({ next: MUTE }, 12_000, count));
    expect(error).toMatchObject({ code: "GUEST_SHELL", exitCode: 6 });
    expect(error.message).toBe(`${words} but does not run commands; its response is: ${MUTE}`);
  });

  it("waits for the reset of a guest that runs no commands on its way down", async () => {
    const error = await errorOf(restart({ next: MUTE }, 1500, () => 0));
    expect(error.code).toBe("GUEST_TIMEOUT");
    expect(error.message).toContain("it is still running the previous boot");
  });

  it("does not begin in a guest that does not report its boot ID", async () => {
    const error = await errorOf(restart({ before: "go away", next: NEW }, 60_000));
    expect(error.code).toBe("GUEST_SHELL");
    expect(error.message).toContain("its response is: go away");
  });
});

it("accepts the same boot after a lost connection", async () => {
  await writeFile(join(folder, "boot"), OLD);
  const connection = await sshd.connect();
  const reason = new VmbuildError("GUEST_LOST", "it was reset");
  connection.drop(reason);
  expect(connection.lost.reason).toBe(reason);
  const next = await reconnectAfterLoss({
    connection,
    connect: () => sshd.connect(),
    timeoutMs: 60_000,
    signal: sshd.signal,
  });
  expect(next.lost.aborted).toBe(false);
});

it("reports that a script never began, with the guest's output", async () => {
  await using other = await startSshd({
    configuration: ["ForceCommand echo 'Password change required' >&2; exit 1"],
  });
  const script = { content: "true", interpreter: ["/bin/sh"], signal: other.signal };
  const error = await errorOf(other.connect().then((connection) => runScript(connection, script)));
  expect(error).toMatchObject({ code: "GUEST_SHELL", lines: ["Password change required"] });
  expect(error.message).toBe(
    "The guest does not run commands; its output is: Password change required (exit code 1)",
  );
});

describe("several connection attempts", () => {
  const sockets: Socket[] = [];
  let silent: Server;
  beforeEach(async () => {
    silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    silent.close();
  });

  const toSilent = (signal: AbortSignal) => {
    const { port } = silent.address() as AddressInfo;
    return connectOnce({ ...sshd.target, port }, 600_000, signal);
  };

  it("uses the first that answers, and cancels the other", async () => {
    let ended: unknown;
    const first = await firstConnection(
      [
        (signal) => toSilent(signal).catch((error: unknown) => Promise.reject((ended = error))),
        () => sshd.connect(),
      ],
      sshd.signal,
    );
    expect(first.lost.aborted).toBe(false);
    await expect.poll(() => ended).toBeDefined();
  });

  it("reports the error of the first where none answers", async () => {
    const fail = (message: string) => () => Promise.reject(new VmbuildError("GUEST_AUTH", message));
    const error = await errorOf(
      firstConnection([fail("the server"), fail("the door")], sshd.signal),
    );
    expect(error.message).toBe("the server");
  });
});

it("reports no pending shutdown with any shell", async () => {
  await using plain = await startSshd();
  const connection = await plain.connect();
  const { end, lines } = await runQuietly(connection, systemStateScript("root"), plain.signal);
  expect(end.exitCode).toBe(0);
  expect(parseSystemState(lines).pendingShutdown).toBeUndefined();
});
