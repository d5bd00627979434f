import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { waitForCloudInit } from "../../../src/guest/cloud-init.js";
import type { Guest } from "../../../src/guest/guest.js";
import type { SystemState } from "../../../src/guest/system-state.js";
import { errorOf } from "../../support/inputs.js";

const DONE = '{"status": "done", "errors": []}';
const LOST = new VmbuildError("GUEST_LOST", "lost");
const OFF = new VmbuildError("MACHINE_DIED", "The guest powered itself off", {
  details: { byGuest: true },
});

/** Answers of a guest during one boot: cloud-init's status, then the pending shutdown. */
interface Boot {
  readonly status: string | VmbuildError;
  readonly systemState?: SystemState;
  /** Lines of its log. */
  readonly log?: readonly string[];
}

/** Waits for a guest that goes through these boots; the last one does not end. */
async function wait(boots: readonly Boot[], connects?: VmbuildError) {
  const notes: string[] = [];
  let present = 0;
  const boot = (): Boot => boots[Math.min(present, boots.length - 1)] ?? { status: DONE };
  const guest = {
    run({ onLine }: { onLine: (line: string, stream: string) => void }) {
      const { status } = boot();
      if (status instanceof VmbuildError) return Promise.reject(status);
      onLine(status, "stdout");
      return Promise.resolve();
    },
    systemState: () => Promise.resolve(boot().systemState ?? {}),
    ask: () => Promise.resolve(boot().log ?? []),
    waitUntilLost: () => Promise.resolve(true),
    reconnect() {
      present++;
      return connects ? Promise.reject(connects) : Promise.resolve();
    },
  } as unknown as Guest;
  const emit = (event: EventBody): void => {
    if (event.type === "note" || event.type === "warning") notes.push(event.message);
  };
  await waitForCloudInit(guest, { restartMs: 1000, emit });
  return { notes, restarts: present };
}

const ahead = (how: "reboot" | "poweroff" | "halt"): SystemState => ({
  pendingShutdown: { kind: how, at: undefined },
});

describe("waitForCloudInit", () => {
  it("returns at once where cloud-init is done and no restart is pending", async () => {
    expect(await wait([{ status: DONE }])).toEqual({ notes: [], restarts: 0 });
  });

  it("reads the file that the last stage writes", async () => {
    const result = (errors: string[]) =>
      JSON.stringify({ v1: { datasource: "DataSourceNoCloud", errors } }, undefined, 1);
    expect(await wait([{ status: result([]) }])).toEqual({ notes: [], restarts: 0 });
    const error = await errorOf(wait([{ status: result(["('users_groups', ...)"]) }]));
    expect(error).toMatchObject({ code: "GUEST_CLOUD_INIT", lines: ["('users_groups', ...)"] });
  });

  it("reports what cloud-init ignored", async () => {
    const log = [
      "2026-11-26 11:20:37,014 - util.py[WARNING]: Failed loading yaml blob.",
      "2026-11-26 11:20:37,015 - schema.py[WARNING]: Invalid cloud-config provided",
    ];
    const { notes } = await wait([{ status: DONE, log }]);
    expect(notes).toEqual(["cloud-init warns: Failed loading yaml blob. (and 1 more)"]);
  });

  it("waits for a pending restart, and for cloud-init again", async () => {
    const { notes, restarts } = await wait([
      { status: DONE, systemState: ahead("reboot") },
      { status: DONE },
    ]);
    expect(restarts).toBe(1);
    expect(notes).toEqual(["The guest is restarting, as the user-data requests."]);
  });

  it("reconnects when the connection is lost", async () => {
    const { notes, restarts } = await wait([{ status: LOST }, { status: LOST }, { status: DONE }]);
    expect(restarts).toBe(2);
    expect(notes[0]).toContain("The connection was lost while cloud-init ran");
  });

  it("ignores an incomplete answer of a guest that is shutting down", async () => {
    const cut = { status: '{"sta', systemState: ahead("reboot") };
    expect((await wait([cut, { status: DONE }])).restarts).toBe(1);
  });

  it.each(["poweroff", "halt"] as const)("says that cloud-init ends the guest: %s", async (how) => {
    const error = await errorOf(wait([{ status: DONE, systemState: ahead(how) }]));
    expect(error).toMatchObject({ code: "GUEST_CLOUD_INIT", exitCode: 6 });
    expect(error.hint).toContain("power_state");
  });

  it("reports it also where the machine has already ended", async () => {
    const error = await errorOf(wait([{ status: OFF }]));
    expect(error.message).toBe("The guest powered itself off, as the user-data requests");
    expect((await errorOf(wait([{ status: LOST }], OFF))).code).toBe("GUEST_CLOUD_INIT");
  });

  it("fails where the guest restarts endlessly", async () => {
    const error = await errorOf(wait([{ status: DONE, systemState: ahead("reboot") }]));
    expect(error.message).toContain("restarted 10 times while cloud-init ran");
  });

  it("reports errors, and a status that cannot be read", async () => {
    const failed = '{"status": "error", "errors": ["runcmd"]}';
    expect(await errorOf(wait([{ status: failed }]))).toMatchObject({ lines: ["runcmd"] });
    const error = await errorOf(wait([{ status: "nothing" }]));
    expect(error.message).toBe("cloud-init's status could not be read");
  });
});
