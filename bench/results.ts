/** From samples to results: medians, ratios, and whether each target is met. Pure. */
import type { PhaseTimes, Sample, Stage, StageTimes, Timing } from "./samples.js";
import { STAGES } from "./samples.js";
import { LIMITS, SCENARIOS } from "./scenarios.js";
import type { Scenario } from "./scenarios.js";
import type { Host } from "./setup.js";
import { median } from "./statistics.js";

/** Changes when a field of results.json changes its meaning. */
export const RESULTS_VERSION = 1;

/** One contender in one scenario, over all rounds. Milliseconds, bytes. */
export interface ContenderResult {
  readonly id: string;
  readonly title: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Of the median, to that of the scenario's first contender. */
  readonly ratio: number;
  /** Medians, by stage. */
  readonly stages?: StageTimes;
  /** Medians of vmbuild's phases. */
  readonly phases?: PhaseTimes;
  readonly imageBytes?: number;
  readonly standsInFrom?: string;
  /** In the order of the rounds. */
  readonly rounds: readonly Timing[];
}

/** A figure that vmbuild is held to. */
export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit: "ratio" | "ms" | "bytes" | "share";
  readonly ok: boolean;
}

/** One comparison. */
export interface ScenarioResult {
  readonly id: string;
  readonly title: string;
  readonly contenders: readonly ContenderResult[];
  readonly verdicts: readonly Verdict[];
}

/** What vmbuild's process and its checkpoints cost; medians, or what the one build had. */
export interface OwnCosts {
  /** Milliseconds, by scenario. */
  readonly ownMs: Readonly<Record<string, number>>;
  /** Bytes, by what was built. */
  readonly peakBytes: Readonly<Record<string, number>>;
  /** Cold builds of the demo: how much of the time went into saving checkpoints. */
  readonly demo?: readonly Timing[];
  readonly verdicts: readonly Verdict[];
}

/** results.json. Nothing in it names the host or a path of it. */
export interface Results {
  readonly resultsVersion: typeof RESULTS_VERSION;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly rounds: number;
  /** How Packer's cloud-init was set up: see the bench's README. */
  readonly packerSeed: string;
  readonly host: Host;
  readonly scenarios: readonly ScenarioResult[];
  readonly own: OwnCosts;
}

/** Judges one figure. One that is not there (NaN) meets nothing. */
function judge(what: string, value: number, atMost: number, unit: Verdict["unit"]): Verdict {
  return { what, value, atMost, unit, ok: value <= atMost };
}

function medianStages(timings: readonly Timing[]): StageTimes | undefined {
  const entries = STAGES.flatMap((stage): [Stage, number][] => {
    const values = timings.flatMap(({ stages }) => stages?.[stage] ?? []);
    return values.length > 0 ? [[stage, median(values)]] : [];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function medianPhases(timings: readonly Timing[]): PhaseTimes | undefined {
  const names = new Set(timings.flatMap(({ phases = {} }) => Object.keys(phases)));
  if (names.size === 0) return undefined;
  const of = (name: string): number =>
    median(timings.flatMap(({ phases }) => phases?.[name] ?? []));
  return Object.fromEntries([...names].map((name) => [name, of(name)]));
}

function summarise(
  { id, title }: { id: string; title: string },
  samples: readonly Sample[],
  baselineMs: number,
): ContenderResult {
  const rounds = samples.map(({ timing }) => timing);
  const times = rounds.map(({ ms }) => ms);
  const stages = medianStages(rounds);
  const phases = medianPhases(rounds);
  const sizes = rounds.flatMap(({ imageBytes }) => imageBytes ?? []);
  const standsInFrom = samples[0]?.standsInFrom;
  return {
    ...{ id, title, medianMs: median(times) },
    ...{ minMs: Math.min(...times), maxMs: Math.max(...times) },
    ratio: median(times) / baselineMs,
    ...(stages ? { stages } : {}),
    ...(phases ? { phases } : {}),
    ...(sizes.length > 0 ? { imageBytes: median(sizes) } : {}),
    ...(standsInFrom === undefined ? {} : { standsInFrom }),
    rounds,
  };
}

/** One scenario's results; undefined where nothing of it was measured. */
function resultOf(scenario: Scenario, samples: readonly Sample[]): ScenarioResult | undefined {
  const of = (id: string): Sample[] =>
    samples
      .filter(({ scenario: where, contender }) => where === scenario.id && contender === id)
      .toSorted((a, b) => a.round - b.round);
  const medianOf = (id: string): number => median(of(id).map(({ timing }) => timing.ms));
  const [baseline] = scenario.contenders;
  if (!baseline || of(baseline.id).length === 0) return undefined;
  const title = (id: string): string =>
    scenario.contenders.find((contender) => contender.id === id)?.title ?? id;
  return {
    id: scenario.id,
    title: scenario.title,
    contenders: scenario.contenders
      .filter(({ id }) => of(id).length > 0)
      .map((contender) => summarise(contender, of(contender.id), medianOf(baseline.id))),
    verdicts: scenario.targets.map(({ contender, against, atMost }) =>
      judge(
        `${title(contender)} to ${title(against)}`,
        medianOf(contender) / medianOf(against),
        atMost,
        "ratio",
      ),
    ),
  };
}

/** Which share of the builds' time saving checkpoints took: the median; NaN where none was saved. */
export function checkpointShare(builds: readonly Timing[]): number {
  const shares = builds.flatMap(({ ms, checkpoints }) => (checkpoints ? checkpoints.ms / ms : []));
  return median(shares);
}

/** What vmbuild itself cost. `noise` is the build with a step that prints 1 GB. */
export function ownCosts(
  samples: readonly Sample[],
  demo: readonly Timing[],
  noise: Timing | undefined,
): OwnCosts {
  const ours = samples.filter(
    ({ contender, timing }) => contender === "vmbuild" && timing.ownMs !== undefined,
  );
  const ids = [...new Set(ours.map(({ scenario }) => scenario))];
  const ownMs: Record<string, number> = {};
  const peakBytes: Record<string, number> = {};
  for (const id of ids) {
    const timings = ours.filter(({ scenario }) => scenario === id).map(({ timing }) => timing);
    ownMs[id] = median(timings.flatMap(({ ownMs }) => ownMs ?? []));
    peakBytes[id] = Math.max(...timings.map(({ peakBytes = 0 }) => peakBytes));
  }
  if (noise?.peakBytes !== undefined) peakBytes["noise"] = noise.peakBytes;
  const most = (values: Record<string, number>): number => Math.max(...Object.values(values));
  return {
    ownMs,
    peakBytes,
    ...(demo.length > 0 ? { demo } : {}),
    verdicts: [
      ...(ids.length > 0 ? [judge("own share of a build", most(ownMs), LIMITS.ownMs, "ms")] : []),
      ...(noise
        ? [judge("memory, 1 GB printed", noise.peakBytes ?? NaN, LIMITS.peakBytes, "bytes")]
        : []),
      ...(demo.length > 0
        ? [judge("checkpoints' share", checkpointShare(demo), LIMITS.checkpointShare, "share")]
        : []),
    ],
  };
}

/** All scenarios of which something was measured. */
export function scenarioResults(samples: readonly Sample[]): ScenarioResult[] {
  return SCENARIOS.flatMap((scenario) => resultOf(scenario, samples) ?? []);
}
