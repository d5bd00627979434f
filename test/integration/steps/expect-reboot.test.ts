import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ActionContext } from "../../../src/steps/action.js";
import { actionSchema } from "../../../src/steps/registry.js";
import { errorOf } from "../../support/inputs.js";
import { NEW_BOOT, startRestartingSshd } from "../../support/restarting-sshd.js";
import type { RestartingSshd } from "../../support/restarting-sshd.js";

let server: RestartingSshd;
let lines: string[];
beforeEach(async () => {
  server = await startRestartingSshd();
  lines = [];
});
afterEach(() => server[Symbol.asyncDispose]());

/** Runs commands that are expected to restart the guest; `act` is called once they print `ready`. */
async function run(
  commands: string,
  act: () => Promise<void> = () => Promise.resolve(),
  timeoutMs = 60_000,
  more: object = {},
): Promise<void> {
  const { type, value } = actionSchema.parse({ run: commands, expectReboot: true, ...more });
  const acts: Promise<void>[] = [];
  const context = {
    guest: server.guest,
    environment: {},
    timeoutMs,
    signal: server.sshd.signal,
    onLine(line: string) {
      lines.push(line);
      if (line === "ready") acts.push(act());
    },
  };
  await type.run(value as never, context as unknown as ActionContext);
  await Promise.all(acts);
}

/** Asks the guest, which answers where its connection works. */
const answer = (): Promise<string[]> => server.guest.ask("echo here", "A test");

describe("a script that may restart the guest", () => {
  const MAYBE = { expectReboot: "maybe" };

  it("has succeeded without a restart", async () => {
    await run("echo done", undefined, 60_000, MAYBE);
    expect(lines).toEqual(["done"]);
  });

  it("has succeeded when the guest answers after the connection was lost", async () => {
    await run("echo ready; exec sleep 600", () => server.restart(), 60_000, MAYBE);
    expect(await answer()).toEqual(["here"]);
  });

  it("has succeeded when only the connection was lost", async () => {
    const lose = async (): Promise<void> => {
      for (const pid of await server.sshd.sessions()) process.kill(pid, "SIGKILL");
    };
    await run("echo ready; exec sleep 600", lose, 3000, MAYBE);
    expect(await answer()).toEqual(["here"]);
  });

  it("has failed with an exit code that is not accepted", async () => {
    const error = await errorOf(run("exit 3", undefined, 60_000, MAYBE));
    expect(error.code).toBe("STEP_FAILED");
  });
});

describe("a script that is expected to restart the guest", () => {
  it("has succeeded when the guest answers after the connection was lost", async () => {
    await run('echo "$0"; echo ready; exec sleep 600', () => server.restart());
    expect(await answer()).toEqual(["here"]);
    // The restart ended the script, so that the wrapper could not remove it.
    expect(lines[0]).toMatch(/^\/(run|tmp)\/vmbuild-[0-9a-f]{12}$/);
    expect(existsSync(lines[0] ?? "/")).toBe(false);
  });

  it("has succeeded when it ends first, and the connection is lost afterwards", async () => {
    let restarted = Promise.resolve();
    const soon = (): Promise<void> => {
      restarted = new Promise((resolve) => setTimeout(resolve, 300)).then(() => server.restart());
      return Promise.resolve();
    };
    await run("echo ready", soon);
    await restarted;
    expect(await answer()).toEqual(["here"]);
  });

  it("has succeeded when another boot answers on the same connection", async () => {
    await run(`echo ${NEW_BOOT} >${server.bootFile}`);
    expect(await answer()).toEqual(["here"]);
  });

  it("has failed when the guest does not restart", async () => {
    const error = await errorOf(run("echo done", undefined, 3000));
    expect(error).toMatchObject({ code: "STEP_FAILED", exitCode: 7, lines: ["done"] });
    expect(error.message).toMatch(
      /^echo done: The guest did not restart within .+ after the script ended$/,
    );
    expect(error.hint).toContain('"expectReboot"');
    expect(await answer()).toEqual(["here"]);
  });

  it("has failed when the connection is lost, and the same boot answers", async () => {
    const lose = async (): Promise<void> => {
      for (const pid of await server.sshd.sessions()) process.kill(pid, "SIGKILL");
    };
    const error = await errorOf(run("echo ready; exec sleep 600", lose, 3000));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toContain("did not restart");
    expect(await answer()).toEqual(["here"]);
  });

  it("has failed at once with an exit code that is not accepted", async () => {
    const error = await errorOf(run("exit 3", undefined, 60_000, { exitCodes: [0, 2] }));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toBe("exit 3 failed with exit code 3 (accepted: 0, 2)");
  });

  it("is waited for while a restart is pending, until its time limit", async () => {
    await server.announce("now reboot.target");
    const error = await errorOf(run("exit 1", undefined, 4000));
    expect(error).toMatchObject({ code: "GUEST_TIMEOUT", exitCode: 6 });
    expect(error.message).toContain("it is still running the previous boot");
  });

  it("has failed when the guest powers off", async () => {
    await server.announce("now poweroff.target");
    const error = await errorOf(run("true"));
    expect(error).toMatchObject({ code: "GUEST_LOST", details: { ending: "poweroff" } });
    expect(error.message).toBe("true: The guest is powering off in place of restarting");
  });
});
