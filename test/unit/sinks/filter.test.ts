import { describe, expect, it } from "vitest";
import { describeDelivery } from "../../../src/events/sinks/delivery.js";
import { createFilter } from "../../../src/sinks/filter.js";
import { WITHOUT_OUTPUT } from "../../../src/sinks/kind.js";
import { parseSyslogAddress } from "../../../src/sinks/syslog/transport.js";
import { eventAt, output, runStarted } from "../events/support.js";

const progress = (at: number, done: number, task = "a") =>
  eventAt(at, { type: "progress", task, label: "copy", done, total: 10, unit: "bytes" });

describe("createFilter", () => {
  it("selects types, groups and everything", () => {
    const events = [
      eventAt(0, runStarted()),
      eventAt(0, output("x")),
      eventAt(0, { type: "output.state", source: "guest", stream: "stdout", line: "x" }),
      eventAt(0, { type: "step.started", step: "a", index: 1, total: 1 }),
      eventAt(0, { type: "resumed" }),
    ];
    const typesFor = (patterns: readonly string[]) =>
      events.filter(createFilter(patterns, 0)).map(({ type }) => type);
    expect(typesFor(["run.*", "resumed"])).toEqual(["run.started", "resumed"]);
    expect(typesFor(WITHOUT_OUTPUT)).toEqual(["run.started", "step.started", "resumed"]);
    expect(typesFor(["*"])).toEqual(["run.started", "output", "step.started", "resumed"]);
    expect(typesFor(["step"])).toEqual([]);
  });

  it("thins the progress of each task, and keeps its end", () => {
    const wants = createFilter(["progress"], 1000);
    const all = [progress(0, 1), progress(500, 2), progress(600, 2, "b"), progress(1000, 3)];
    expect(all.map(wants)).toEqual([true, false, true, true]);
    expect(wants(progress(1001, 10))).toBe(true);
  });
});

describe("describeDelivery", () => {
  const end = { sink: "hub", delivered: 1, waiting: 0, lost: 0, reason: "gone" };

  it("says nothing when everything arrived, and counts what did not", () => {
    expect(describeDelivery(end)).toEqual([]);
    expect(describeDelivery({ ...end, waiting: 2, lost: 3 })).toEqual([
      "sink hub: 1 event delivered, 2 kept for the next run or `vmbuild deliver`, 3 lost (gone)",
    ]);
  });
});

describe("parseSyslogAddress", () => {
  it.each([
    ["udp://log.example.org", { scheme: "udp", host: "log.example.org", port: 514 }],
    ["udp://log:80", { scheme: "udp", host: "log", port: 80 }],
    ["tcp://[::1]:6514", { scheme: "tcp", host: "::1", port: 6514 }],
    ["tcp://10.0.0.1", { scheme: "tcp", host: "10.0.0.1", port: 601 }],
    ["unix:/dev/log", { scheme: "unix", path: "/dev/log" }],
    ["unix:///run/log", { scheme: "unix", path: "/run/log" }],
  ])("parses %s", (text, address) => {
    expect(parseSyslogAddress(text)).toEqual(address);
  });

  it.each(["log", "udp://", "udp://a/b", "tls://a", "unix:log", "udp://a:99999", "udp://u@a"])(
    "refuses %s",
    (text) => {
      expect(parseSyslogAddress(text)).toBeUndefined();
    },
  );
});
