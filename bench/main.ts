/** `make bench`: measures, prints, and writes results.json and results.svg beside this. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { drawChart } from "./chart.js";
import { preparePacker } from "./packer.js";
import { RESULTS_VERSION, ownCosts, scenarioResults } from "./results.js";
import type { Results } from "./results.js";
import { measureRound } from "./round.js";
import type { Sample, Timing } from "./samples.js";
import { PARTS, readSettings } from "./settings.js";
import type { Settings } from "./settings.js";
import { ROOT, openRound, openSetup } from "./setup.js";
import type { Setup } from "./setup.js";
import { formatResults } from "./table.js";
import { prepareVirtCustomize } from "./virt-customize.js";
import { buildDemo, buildNoise } from "./vmbuild.js";

interface Measured {
  readonly samples: Sample[];
  readonly demo: Timing[];
  readonly noise: Timing | undefined;
}

async function measure(setup: Setup): Promise<Measured> {
  const { settings, say } = setup;
  const { parts, rounds } = settings;
  let packerFiles;
  if (parts.has("builds") || parts.has("packer-template")) {
    say("preparing: libguestfs' appliance");
    await prepareVirtCustomize(setup);
  }
  if (parts.has("builds")) {
    say("preparing: Packer's key and seed");
    packerFiles = await preparePacker(setup);
  }
  const samples: Sample[] = [];
  const demo: Timing[] = [];
  let noise: Timing | undefined;
  for (let number = 1; number <= rounds; number++) {
    const round = await openRound(setup, number);
    samples.push(...(await measureRound(setup, round, packerFiles)));
    if (parts.has("checkpoints")) {
      say(`round ${number}: the demo, cold`);
      demo.push((await buildDemo(setup, round)).timing);
    }
    if (parts.has("memory") && number === 1) {
      say("round 1: a step that prints 1 GB");
      noise = (await buildNoise(setup, round)).timing;
    }
    await rm(round.folder, { recursive: true });
  }
  return { samples, demo, noise };
}

/** Milliseconds to a tenth, bytes as they are: a reader of the file has no use for more. */
function encode(results: Results): string {
  const round = (_: string, value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  return `${JSON.stringify(results, round, 2)}\n`;
}

async function report(setup: Setup, { samples, demo, noise }: Measured): Promise<void> {
  const { settings, host } = setup;
  const results: Results = {
    resultsVersion: RESULTS_VERSION,
    date: new Date().toISOString(),
    rounds: settings.rounds,
    packerSeed: settings.packerSeed,
    host,
    scenarios: scenarioResults(samples),
    own: ownCosts(samples, demo, noise),
  };
  console.log(["", ...formatResults(results)].join("\n"));
  if (settings.parts.size < PARTS.length) {
    console.log("Only a part was measured: bench/results.json and results.svg stay as they are.");
    return;
  }
  await writeFile(join(ROOT, "bench", "results.json"), encode(results));
  await writeFile(join(ROOT, "bench", "results.svg"), drawChart(results));
  console.log("Written: bench/results.json, bench/results.svg");
}

async function main(settings: Settings): Promise<void> {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => controller.abort(new Error(`ended by ${name}`)));
  }
  const setup = await openSetup(settings, controller.signal, (line) =>
    console.error(`bench: ${line}`),
  );
  try {
    await report(setup, await measure(setup));
  } finally {
    await rm(setup.work, { recursive: true, force: true });
  }
}

try {
  await main(readSettings(process.env));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
