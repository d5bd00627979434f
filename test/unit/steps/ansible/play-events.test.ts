import { describe, expect, it } from "vitest";
import { PlayEvents, countsText } from "../../../../src/steps/ansible/play-events.js";

const counts = {
  ok: 1,
  changed: 1,
  failures: 0,
  unreachable: 0,
  skipped: 0,
  rescued: 0,
  ignored: 0,
};
const failed = {
  event: "failed",
  play: "all",
  task: "t",
  path: "",
  host: "default",
  ignored: false,
  message: "m",
  stdout: "",
  stderr: "",
};

/** Returns the events of some lines, each marked as the plugin does. */
function eventsOf(...lines: object[]): PlayEvents {
  const events = new PlayEvents();
  for (const line of lines) {
    expect(events.take(`${events.mark} ${JSON.stringify(line)}`)).toBe(true);
  }
  return events;
}

describe("PlayEvents", () => {
  it("sums up the counts of all hosts", () => {
    const hosts = { default: counts, localhost: { ...counts, ok: 4, skipped: 2 } };
    expect(eventsOf({ event: "stats", hosts }).counts).toMatchObject({
      ok: 5,
      changed: 2,
      skipped: 2,
    });
  });

  it("keeps the last failure that is not ignored", () => {
    const ignored = { ...failed, task: "ignored", ignored: true };
    const events = eventsOf(failed, { ...failed, task: "later" }, ignored);
    expect(events.failure?.task).toBe("later");
  });

  it("tells a playbook without any play for the guest from one with some", () => {
    const play = { event: "play", play: "a" };
    const none = { event: "no-hosts", play: "a" };
    expect(eventsOf(play, none).unmatchedPlays).toEqual(["a"]);
    expect(eventsOf(play, none, play).unmatchedPlays).toBeUndefined();
    expect(eventsOf().unmatchedPlays).toBeUndefined();
  });

  it("shows other lines, takes an event behind unfinished output, and skips broken ones", () => {
    const events = new PlayEvents();
    expect(events.take('vmbuild-event-other {"event":"play"}')).toBe(false);
    const line = JSON.stringify({ event: "stats", hosts: { default: counts } });
    expect(events.take(`prompt: ${events.mark} ${line.slice(0, 20)}`)).toBe(true);
    expect(events.counts).toBeUndefined();
    expect(events.take(`prompt: ${events.mark} ${line}`)).toBe(true);
    expect(events.counts).toEqual(counts);
  });
});

describe("countsText", () => {
  it("leaves out rare results that did not occur", () => {
    expect(countsText(counts)).toBe("1 ok, 1 changed, 0 failed");
    expect(countsText({ ...counts, failures: 1, skipped: 3, rescued: 2 })).toBe(
      "1 ok, 1 changed, 1 failed, 3 skipped, 2 rescued",
    );
  });
});
