import { describe, expect, it } from "vitest";
import { Lease } from "../../../src/builds/lease.js";
import type { LeaseOptions } from "../../../src/builds/lease.js";
import type { EventBody } from "../../../src/events/types.js";

const START = Date.parse("2026-02-14T17:04:00Z");
const HOUR = 3_600_000;

/** Lease whose clocks the test sets. Times count from the start of the run. */
function leaseWith(options: LeaseOptions) {
  const warnings: string[] = [];
  const emit = (event: EventBody): void => {
    if (event.type === "warning") warnings.push(`${event.message} (${event.hint ?? ""})`);
  };
  const lease = new Lease(options, "demo", emit, START);
  const check = (ms: number, more: { wallMs?: number; fileExists?: boolean } = {}) =>
    lease.check({ wallMs: START + ms, steadyMs: ms, fileExists: false, ...more });
  return { lease, warnings, check };
}

describe("a deadline", () => {
  it("ends the run, after one warning when a tenth of the time is left", () => {
    const { check, warnings } = leaseWith({ ttlMs: 4 * HOUR });
    expect(check(3.5 * HOUR)).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(check(3.6 * HOUR)).toBeUndefined();
    expect(check(3.9 * HOUR)).toBeUndefined();
    expect(warnings).toEqual([
      "The lease of the run expires in 24m, at 2026-02-14T21:04:00.000Z (Extend it: vmbuild renew demo 1h)",
    ]);
    expect(check(4 * HOUR - 1)).toBeUndefined();
    expect(check(4 * HOUR)).toBe("The lease of the run expired at 2026-02-14T21:04:00.000Z");
  });

  it("is a time of the wall clock, however that is set", () => {
    const { check } = leaseWith({ ttlMs: HOUR });
    expect(check(1000)).toBeUndefined();
    expect(check(2000, { wallMs: START + 2 * HOUR })).toContain("expired at");
    expect(check(3000, { wallMs: START - HOUR })).toBeUndefined();
  });

  it("counts from now when it is renewed, with a warning of its own", () => {
    const { lease, check, warnings } = leaseWith({ ttlMs: HOUR });
    check(0.95 * HOUR);
    expect(lease.renew(2 * HOUR, START + 0.95 * HOUR)).toBe(START + 2.95 * HOUR);
    expect(check(1.5 * HOUR)).toBeUndefined();
    expect(warnings).toHaveLength(1);
    check(2.8 * HOUR);
    expect(warnings).toHaveLength(2);
    expect(check(2.95 * HOUR)).toContain("expired at");
  });

  it("is looked at in time", () => {
    const { lease, check } = leaseWith({ ttlMs: HOUR });
    expect(lease.timeToNext(START)).toBe(0.9 * HOUR);
    check(0.9 * HOUR);
    expect(lease.timeToNext(START + 0.9 * HOUR)).toBe(0.1 * HOUR);
    expect(leaseWith({}).lease.timeToNext(START)).toBe(Infinity);
  });

  it("can be given to a run without one, and ends a run whose lease is held", () => {
    const { lease, check } = leaseWith({ file: "/lease", graceMs: 0 });
    expect(lease.deadline).toBeUndefined();
    lease.renew(1000, START);
    expect(check(999, { fileExists: true })).toBeUndefined();
    expect(check(1000, { fileExists: true })).toContain("expired at");
  });
});

describe("holders", () => {
  it("keep a run without a deadline for ever", () => {
    const { check, warnings } = leaseWith({ file: "/lease" });
    expect(check(10_000 * HOUR, { fileExists: true })).toBeUndefined();
    expect(warnings).toEqual([]);
    const none = leaseWith({});
    expect(none.check(10_000 * HOUR)).toBeUndefined();
  });

  it("end the run some time after the last one is gone", () => {
    const { lease, check, warnings } = leaseWith({ file: "/l", connection: true, graceMs: 5000 });
    const leave = lease.hold();
    check(0, { fileExists: true });
    check(10_000);
    expect(warnings).toEqual([]);
    leave();
    leave();
    expect(check(11_000)).toBeUndefined();
    expect(check(12_000)).toBeUndefined();
    expect(warnings).toEqual([
      "Nothing holds the lease of the run; it ends in 5s (To keep it: create /l, or run vmbuild attach demo --hold.)",
    ]);
    expect(check(15_999)).toBeUndefined();
    expect(check(16_000)).toBe("Nothing has held the lease of the run for 5s");
  });

  it("may come back in that time", () => {
    const { lease, check } = leaseWith({ connection: true, graceMs: 5000 });
    lease.hold()();
    const leave = lease.hold();
    check(0);
    leave();
    check(4000);
    const again = lease.hold();
    check(8000);
    again();
    expect(check(9000)).toBeUndefined();
    expect(check(13_999)).toBeUndefined();
    expect(check(14_000)).toBeDefined();
  });

  it("may come late the first time, and do not depend on the wall clock", () => {
    const { lease, check } = leaseWith({ connection: true, graceMs: 0 });
    expect(check(0)).toBeUndefined();
    expect(check(29_000, { wallMs: START + 100 * HOUR })).toBeUndefined();
    const leave = lease.hold();
    expect(check(29_500)).toBeUndefined();
    leave();
    expect(check(29_501)).toBeDefined();
  });

  it("are connections only where the lease names them", () => {
    const { lease, check } = leaseWith({ file: "/lease", graceMs: 1000 });
    lease.hold();
    check(0, { fileExists: true });
    expect(check(1000)).toBeUndefined();
    expect(check(2000)).toBeDefined();
  });
});
