/** The results as text. Pure. */
import { alignRows, indent } from "../dist/cli/table.js";
import { formatBytes } from "../dist/host/format.js";
import { STAGES } from "./samples.js";
import type { Host } from "./setup.js";
import type { ContenderResult, Results, ScenarioResult, Verdict } from "./results.js";

/** `0.43 s`, `12.3 s`: always seconds, so that a column can be compared at a glance. */
export function formatSeconds(ms: number): string {
  const digits = ms < 9_995 ? 2 : 1;
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** `0.65`, `0.007`. */
export function formatRatio(ratio: number): string {
  if (Number.isNaN(ratio)) return "-";
  return ratio < 0.0995 ? ratio.toFixed(3) : ratio.toFixed(2);
}

function formatValue(value: number, unit: Verdict["unit"]): string {
  if (Number.isNaN(value)) return "not measured";
  switch (unit) {
    case "ratio":
      return formatRatio(value);
    case "ms":
      return formatSeconds(value);
    case "bytes":
      return `${(value / 1e6).toFixed(0)} MB`;
    case "share":
      return `${(value * 100).toFixed(1)} %`;
    default:
      return String(value);
  }
}

/** `vmbuild to Packer: 0.58, target 0.65: ok`. */
function formatVerdict({ what, value, atMost, unit, ok }: Verdict): string {
  const target = `at most ${formatValue(atMost, unit)}`;
  return `${what}: ${formatValue(value, unit)}, ${target}: ${ok ? "ok" : "MISSED"}`;
}

function contenderRow(contender: ContenderResult): string[] {
  const { title, medianMs, minMs, maxMs, ratio, imageBytes, standsInFrom } = contender;
  return [
    title,
    formatSeconds(medianMs),
    `${formatSeconds(minMs)} to ${formatSeconds(maxMs)}`,
    formatRatio(ratio),
    imageBytes === undefined ? "" : formatBytes(imageBytes),
    standsInFrom === undefined ? "" : `the ${standsInFrom} build of the same round`,
  ];
}

function scenarioTable({ title, contenders, verdicts }: ScenarioResult): string[] {
  const head = ["", "median", "least to most", "ratio", "image", ""];
  return [
    title,
    ...indent(alignRows([head, ...contenders.map(contenderRow)])),
    ...indent(verdicts.map(formatVerdict), 2),
    "",
  ];
}

/** A phase that is shorter is left out. Milliseconds. */
const SHOWN_FROM_MS = 50;

/** Seconds by part of the build, of those builds that have parts. Zeroes and gaps are left empty. */
function stageTable(scenarios: readonly ScenarioResult[]): string[] {
  const rows = scenarios.flatMap((scenario) =>
    scenario.contenders
      .filter(({ stages, standsInFrom }) => stages && standsInFrom === undefined)
      .map(({ title, stages = {} }) => [
        `${scenario.title}, ${title}`,
        ...STAGES.map((stage) => ((stages[stage] ?? 0) / 1000).toFixed(1)),
      ]),
  );
  if (rows.length === 0) return [];
  return ["Parts, in seconds (medians)", ...indent(alignRows([["", ...STAGES], ...rows])), ""];
}

/** Where a build of vmbuild spends its time: its phases in seconds, in the order of their ends. */
function phaseLines(scenarios: readonly ScenarioResult[]): string[] {
  const rows = scenarios.flatMap((scenario) =>
    scenario.contenders.flatMap(({ phases }) => {
      if (!phases) return [];
      const parts = Object.entries(phases)
        .filter(([, ms]) => ms >= SHOWN_FROM_MS)
        .map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)}`);
      return [[scenario.title, parts.join(", ")]];
    }),
  );
  if (rows.length === 0) return [];
  return ["vmbuild's phases, in seconds (medians)", ...indent(alignRows(rows)), ""];
}

function hostLines({ cpu, cores, memoryBytes, accelerator, versions }: Host): string[] {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const emulated = accelerator === "tcg" ? "tcg (emulation)" : accelerator;
  return [`${cpu}, ${cores} cores, ${formatBytes(memoryBytes)}, ${emulated}`, programs.join(", ")];
}

function ownLines({ own }: Results): string[] {
  const costs = [
    ...Object.entries(own.ownMs).map(([id, ms]) => [`own share, ${id}`, formatSeconds(ms)]),
    ...Object.entries(own.peakBytes).map(([id, bytes]) => [
      `peak memory, ${id}`,
      formatValue(bytes, "bytes"),
    ]),
    ...(own.demo ?? []).map(({ ms, checkpoints }, index) => [
      `demo, cold build ${index + 1}`,
      checkpoints
        ? `${formatSeconds(ms)}; ${checkpoints.count} checkpoints took ${formatSeconds(checkpoints.ms)}`
        : `${formatSeconds(ms)}; no checkpoint was saved`,
    ]),
  ];
  if (costs.length === 0) return [];
  return [
    "vmbuild itself",
    ...indent(alignRows(costs)),
    ...indent(own.verdicts.map(formatVerdict), 2),
    "",
  ];
}

/** All of it, line by line. */
export function formatResults(results: Results): string[] {
  const { host, rounds, scenarios } = results;
  return [
    ...hostLines(host),
    `${rounds} ${rounds === 1 ? "round" : "rounds"}; ratios are to the first line of each table`,
    "",
    ...scenarios.flatMap(scenarioTable),
    ...stageTable(scenarios),
    ...phaseLines(scenarios),
    ...ownLines(results),
  ];
}
