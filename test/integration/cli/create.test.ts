/** Runs templates by profiles, as a program does: one process, JSON on stdout, SIGTERM. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";
import { startHub } from "../../support/hub.js";

let slow: SlowBuild;
beforeEach(async () => {
  slow = await createSlowBuild();
});
afterEach(() => slow[Symbol.asyncDispose]());

describe("vmbuild create", () => {
  it("ends within seconds after SIGTERM, with a result, and tells the hub", async () => {
    await using hub = await startHub();
    const { home } = slow;
    await home.write({
      "profiles/slow.json": {
        ...{ template: "../slow.json", ttl: "2h", machine: { memory: "256M" } },
        sinks: { hub: { webhook: hub.url, events: ["run.*"] } },
      },
    });
    const running = slow.start("create", "--profile", "slow", "--input", "vm_name=web");
    await hub.until(() => hub.accepted.length > 0);
    running.kill("SIGTERM");
    const { exitCode, stdout } = await running;
    expect(exitCode).toBe(143);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      ...{ profile: "slow", mode: "build", state: "stopped", name: "web", artifact: null },
      error: { code: "TERMINATED", exit: 143 },
    });
    expect(result["runFolder"]).toBe(join(home.builds, "web/runs", String(result["id"])));
    const left = Date.parse(String(result["expiresAt"])) - Date.parse(String(result["startedAt"]));
    expect(Math.round(left / 3_600_000)).toBe(2);
    const types = hub.accepted.map(({ body }) => (JSON.parse(body) as { type: string }).type);
    expect(types).toEqual(["run.started", "run.failed"]);
  });

  it("ends at the deadline while it waits for a machine, and starts no other one", async () => {
    const { home } = slow;
    const hosts = ["root@127.0.0.1:9", "root@127.0.0.1:10"];
    await home.write({
      "profiles/p.json": { template: "../slow.json", mode: "attach", hosts, wait: "1h", ttl: "2s" },
    });
    const { exitCode, stdout } = await home.run("create", "--profile", "p");
    expect(exitCode).toBe(124);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ mode: "attach", state: "expired", error: { code: "LEASE_EXPIRED" } },
      machines: [
        { host: hosts[0], state: "failed", code: "LEASE_EXPIRED" },
        { host: hosts[1], state: "not started", id: null },
      ],
    });
  });

  it("prints a result for a template that is not valid, and none for a profile that is not", async () => {
    const { home } = slow;
    await home.write({ "profiles/p.json": { template: "../none.json" }, "profiles/bad.json": "{" });
    const missing = await home.run("create", "--profile", "p");
    expect(missing.exitCode).toBe(2);
    expect(JSON.parse(missing.stdout)).toMatchObject({
      ...{ state: "failed", id: null, error: { code: "TEMPLATE_NOT_FOUND" } },
    });
    const bad = await home.run("create", "--profile", "bad");
    expect(bad).toMatchObject({ exitCode: 2, stdout: "" });
    expect(bad.stderr).toContain("[PROFILE_INVALID]");
  });
});
