import { describe, expect, it } from "vitest";
import { drawChart } from "../../../bench/chart.js";
import { checkpointShare, ownCosts, scenarioResults } from "../../../bench/results.js";
import type { Results } from "../../../bench/results.js";
import type { Sample, Timing } from "../../../bench/samples.js";
import { formatRatio, formatResults, formatSeconds } from "../../../bench/table.js";

/** Returns three rounds with this median. */
const rounds = (scenario: string, contender: string, ms: number, more: Partial<Timing> = {}) =>
  [0.9, 1.2, 1].map((factor, index): Sample => {
    const timing = { ms: ms * factor, ...more };
    return { scenario, contender, round: index + 1, timing };
  });

const samples = [
  ...rounds("cold", "packer", 100_000, { stages: { boot: 40_000, steps: 30_000 } }),
  ...rounds("cold", "virt-customize", 60_000),
  ...rounds("cold", "vmbuild", 58_000, { ownMs: 700, peakBytes: 90e6 }),
  ...rounds("packer-template-first", "vmbuild", 90_000),
  ...rounds("packer-template-first", "packer", 80_000).map((sample) => ({
    ...sample,
    standsInFrom: "packer-template",
  })),
  ...rounds("packer-template", "packer", 80_000),
  ...rounds("packer-template", "vmbuild", 12_800, {
    phases: { resume: 1400, connect: 20, seal: 2900 },
  }),
  ...rounds("template", "packer", 100_000).map((sample) => ({ ...sample, standsInFrom: "cold" })),
  ...rounds("template", "virt-customize", 30_000),
  ...rounds("template", "vmbuild", 45_000, { ownMs: 2500, peakBytes: 100e6 }),
];

const demo: Timing[] = [
  { ms: 100, checkpoints: { count: 4, ms: 12, memoryBytes: 1, diskBytes: 1 } },
  { ms: 100, checkpoints: { count: 4, ms: 8, memoryBytes: 1, diskBytes: 1 } },
  { ms: 100, checkpoints: { count: 4, ms: 9, memoryBytes: 1, diskBytes: 1 } },
];

const results: Results = {
  resultsVersion: 1,
  date: "2026-01-02T03:04:05.000Z",
  rounds: 3,
  packerSeed: "plain",
  host: {
    cpu: "A <fast> CPU & more",
    cores: 2,
    memoryBytes: 24 * 2 ** 30,
    accelerator: "tcg",
    guestCpu: "qemu64",
    machine: { type: "q35", cpus: 2, memoryBytes: 2 ** 30, diskBytes: 2 ** 32 },
    base: { suite: "bookworm", fileBytes: 5e8 },
    versions: { vmbuild: "0.1.0", packer: "1.6.6", "virt-customize": "1.48.2", qemu: "7.2.22" },
  },
  scenarios: scenarioResults(samples),
  own: ownCosts(samples, demo, { ms: 1, peakBytes: 160e6 }),
};

describe("scenarioResults", () => {
  const [cold, template, first, changed, ...rest] = results.scenarios;

  it("leaves out what was not measured", () => {
    expect(cold?.id).toBe("cold");
    expect(template?.id).toBe("template");
    expect(rest).toEqual([]);
  });

  it("holds the second run of Packer's template to its target, and the first to none", () => {
    expect(first?.verdicts).toEqual([]);
    expect(first?.contenders).toMatchObject([
      { standsInFrom: "packer-template" },
      { ratio: 1.125 },
    ]);
    expect(changed?.verdicts).toMatchObject([{ value: 0.16, atMost: 0.15, ok: false }]);
    expect(changed?.contenders[1]?.phases).toEqual({ resume: 1400, connect: 20, seal: 2900 });
  });

  it("takes medians, and ratios to the first contender", () => {
    const [packer, , vmbuild] = cold?.contenders ?? [];
    expect(packer).toMatchObject({ id: "packer", medianMs: 100_000, ratio: 1 });
    expect(packer).toMatchObject({ minMs: 90_000, maxMs: 120_000, stages: { boot: 40_000 } });
    expect(vmbuild).toMatchObject({ id: "vmbuild", medianMs: 58_000, ratio: 0.58 });
  });

  it("holds vmbuild to each target", () => {
    expect(cold?.verdicts).toMatchObject([{ value: 0.58, atMost: 0.65, ok: true }]);
    expect(template?.verdicts).toMatchObject([
      { what: "vmbuild to Packer", value: 0.45, atMost: 0.4, ok: false },
      { what: "vmbuild to virt-customize", value: 1.5, atMost: 1, ok: false },
    ]);
  });
});

describe("ownCosts", () => {
  it("judges the worst scenario's own share, the noisy step's memory, the checkpoints' median", () => {
    expect(results.own.verdicts).toMatchObject([
      { value: 2500, ok: false },
      { value: 160e6, ok: false },
      { value: 0.09, ok: true },
    ]);
  });

  it("does not pass checkpoints that were never saved", () => {
    expect(checkpointShare([{ ms: 100 }])).toBeNaN();
    expect(ownCosts([], [{ ms: 100 }], undefined).verdicts).toMatchObject([{ ok: false }]);
  });
});

describe("formatResults", () => {
  const text = formatResults(results).join("\n");

  it("names host, accelerator, versions and rounds", () => {
    expect(text).toContain("A <fast> CPU & more, 2 cores, 24 GiB, tcg (emulation)");
    expect(text).toContain("vmbuild 0.1.0, packer 1.6.6, virt-customize 1.48.2, qemu 7.2.22");
    expect(text).toContain("3 rounds");
  });

  it("says which targets are met and which are missed", () => {
    expect(text).toContain("vmbuild to Packer: 0.58, at most 0.65: ok");
    expect(text).toContain("vmbuild to Packer: 0.45, at most 0.40: MISSED");
    expect(text).toContain("own share of a build: 2.50 s, at most 2.00 s: MISSED");
    expect(text).toContain("memory, 1 GB printed: 160 MB, at most 150 MB: MISSED");
  });

  it("says where a build spends its time, without phases that take none", () => {
    expect(text).toMatch(/vmbuild's phases[^]*last provisioner changed +resume 1\.4, seal 2\.9\n/);
  });

  it("says whose time stands in for another", () => {
    expect(text).toMatch(/Another template[^]*Packer .*the cold build of the same round/);
  });

  it.each([
    [380, "0.38 s"],
    [9994, "9.99 s"],
    [9996, "10.0 s"],
    [98_300, "98.3 s"],
  ])("writes %d ms as %s", (ms, expected) => {
    expect(formatSeconds(ms)).toBe(expected);
  });

  it.each([
    [0.004, "0.004"],
    [0.0996, "0.10"],
    [0.65, "0.65"],
    [Number.NaN, "-"],
  ])("writes the ratio %d as %s", (ratio, expected) => {
    expect(formatRatio(ratio)).toBe(expected);
  });
});

describe("drawChart", () => {
  const svg = drawChart(results);
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"[^>]*class="(ours|theirs)/g)];

  it("draws a bar for each contender, as long as its ratio", () => {
    const [packer, , ours] = widths.map(([, width]) => Number(width));
    expect(widths).toHaveLength(10);
    expect((ours ?? 0) / (packer ?? 1)).toBeCloseTo(0.58, 2);
  });

  it("writes times, ratios and versions", () => {
    for (const word of ["58.0 s · 0.58", "Another template on a known base", "Packer 1.6.6"]) {
      expect(svg).toContain(word);
    }
  });

  it("is XML whatever the host is called, and can be read in the dark", () => {
    expect(svg).toContain("A &lt;fast&gt; CPU &amp; more");
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});
