/** One round: every contender's turn in every scenario. */
import { BUILDS, COMPACTION, HASHING } from "./scenarios.js";
import { compactLikePacker, compactLikeVmbuild, hashByHand, hashLikeVmbuild } from "./alone.js";
import type { Built, RecordTiming, Sample, Timing } from "./samples.js";
import type { Round, Setup } from "./setup.js";
import { rotate } from "./statistics.js";
import { measurePackerTemplate } from "./packer-template.js";
import { buildWithPacker } from "./packer.js";
import type { PackerFiles } from "./packer.js";
import { buildWithVirtCustomize, readInside } from "./virt-customize.js";
import { buildBench, buildOtherTemplate, changeLastStep } from "./vmbuild.js";

interface Turn {
  readonly scenario: string;
  readonly contender: string;
  readonly take: () => Promise<Timing>;
}

/** Takes the turns so that whoever was first in this round is last in the next. */
async function takeTurns(
  turns: readonly Turn[],
  round: number,
  record: RecordTiming,
): Promise<void> {
  for (const { scenario, contender, take } of rotate(turns, round - 1)) {
    record(scenario, contender, await take());
  }
}

/** What a builder made has to be what was asked for: a fast wrong image is no result. */
async function requireContent(setup: Setup, image: string, release: string): Promise<void> {
  const paths = ["/etc/bench-release", "/srv/site/index.html", "/var/lib/dpkg/info/jq.list"];
  const text = await readInside(setup, image, paths);
  const wanted = [release, "Release 1.0.0", "/usr/bin/jq"];
  const missing = wanted.filter((one) => !text.includes(one));
  if (missing.length > 0) throw new Error(`an image lacks ${missing.join(", ")}:\n${text}`);
}

/**
 * The builds. vmbuild goes through all of its four. Packer and virt-customize remember nothing, so
 * their one build of the round stands for each of them.
 */
async function measureBuilds(
  setup: Setup,
  round: Round,
  packerFiles: PackerFiles,
  record: RecordTiming,
): Promise<void> {
  const images = new Map<string, string>();
  const others = (contender: string, build: () => Promise<Built>) => async (): Promise<void> => {
    const { image, timing } = await build();
    images.set(image, "1.0.0");
    for (const { id } of BUILDS) record(id, contender, timing, id === "cold" ? undefined : "cold");
  };
  const ours = async (): Promise<void> => {
    record("cold", "vmbuild", (await buildBench(setup, round)).timing);
    record("template", "vmbuild", (await buildOtherTemplate(setup, round)).timing);
    await changeLastStep(round);
    const { image, timing } = await buildBench(setup, round);
    record("step", "vmbuild", timing);
    images.set(image, "changed");
    record("unchanged", "vmbuild", (await buildBench(setup, round)).timing);
  };
  const turns = [
    ours,
    others("packer", () => buildWithPacker(setup, round, packerFiles)),
    others("virt-customize", () => buildWithVirtCustomize(setup, round)),
  ];
  for (const turn of rotate(turns, round.number - 1)) await turn();
  if (round.number > 1) return;
  setup.say("round 1: looking into the three images");
  for (const [image, release] of images) await requireContent(setup, image, release);
}

/** Measures one round, but for what is measured once or of vmbuild alone. */
export async function measureRound(
  setup: Setup,
  round: Round,
  packerFiles: PackerFiles | undefined,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const { parts } = setup.settings;
  const record: RecordTiming = (scenario, contender, timing, standsInFrom) => {
    samples.push({
      ...{ scenario, contender, round: round.number, timing },
      ...(standsInFrom === undefined ? {} : { standsInFrom }),
    });
    if (standsInFrom !== undefined) return;
    const seconds = (timing.ms / 1000).toFixed(timing.ms < 9995 ? 2 : 1);
    setup.say(`round ${round.number}: ${scenario}, ${contender}: ${seconds} s`);
  };
  if (packerFiles) await measureBuilds(setup, round, packerFiles, record);
  if (parts.has("packer-template")) await measurePackerTemplate(setup, round, record);
  const compaction: Turn[] = [
    { contender: "packer", take: () => compactLikePacker(setup) },
    { contender: "vmbuild-zlib", take: () => compactLikeVmbuild(setup, "zlib") },
    { contender: "vmbuild-zstd", take: () => compactLikeVmbuild(setup, "zstd") },
  ].map((turn) => ({ ...turn, scenario: COMPACTION.id }));
  const hashing: Turn[] = [
    { contender: "coreutils", take: () => hashByHand(setup) },
    { contender: "vmbuild", take: () => hashLikeVmbuild(setup) },
  ].map((turn) => ({ ...turn, scenario: HASHING.id }));
  if (parts.has("compaction")) await takeTurns(compaction, round.number, record);
  if (parts.has("hashing")) await takeTurns(hashing, round.number, record);
  return samples;
}
