/** One of Packer's own templates, unchanged, built by vmbuild and by Packer on the same base. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runPacker } from "./packer.js";
import type { Built, RecordTiming } from "./samples.js";
import { PACKER_TEMPLATE } from "./scenarios.js";
import type { Round, Setup } from "./setup.js";
import { readInside } from "./virt-customize.js";
import { runVmbuild } from "./vmbuild.js";

const TEMPLATE = "web.pkr.hcl";
/** The script of the last provisioner. */
const LAST_SCRIPT = "scripts/install.sh";
/** What each image has to hold: the second is of the changed script only. */
const CONTENT = { "/opt/web/word": `one it's "quoted" web`, "/opt/web/changed": "changed" };

/** A builder's own copy of the template: a build leaves files beside it. */
async function copyTemplate({ folder }: Round, builder: string): Promise<string> {
  const copy = join(folder, "packer-template", builder);
  await cp(join(folder, "bench", "templates", "packer"), copy, { recursive: true });
  return copy;
}

/** Adds a command to a script, after its first line. Pure. */
export function addCommand(script: string, command: string): string {
  const [first = "", ...rest] = script.split("\n");
  return [first, command, ...rest].join("\n");
}

async function changeLastProvisioner(copy: string): Promise<void> {
  const path = join(copy, LAST_SCRIPT);
  const script = await readFile(path, "utf8");
  await writeFile(path, addCommand(script, "echo changed >/opt/web/changed"));
}

/** The variables of a build: all that the builders are told beside the template. */
function variablesOf({ base, host }: Setup, output: string): Record<string, string> {
  return { base, output_dir: output, accelerator: host.accelerator };
}

function buildWithVmbuild(setup: Setup, round: Round, cwd: string): Promise<Built> {
  const image = "packer-template-vmbuild/web.qcow2";
  const variables = variablesOf(setup, join(round.folder, "output", image, ".."));
  return runVmbuild(setup, round, {
    ...{ template: TEMPLATE, cwd, variables, image, state: "packer-template-state" },
  });
}

function buildWithPacker(setup: Setup, round: Round, cwd: string): Promise<Built> {
  const output = join(round.folder, "output", "packer-template-packer");
  const variables = variablesOf(setup, output);
  return runPacker(setup, round, {
    ...{ template: TEMPLATE, cwd, variables, image: join(output, "web.qcow2") },
  });
}

/** A fast wrong image is no result. */
async function requireContent(setup: Setup, images: readonly string[]): Promise<void> {
  for (const image of images) {
    const text = await readInside(setup, image, Object.keys(CONTENT));
    const missing = Object.values(CONTENT).filter((one) => !text.includes(one));
    if (missing.length === 0) continue;
    throw new Error(`${image} lacks ${missing.join(", ")}:\n${text}`);
  }
}

/**
 * Measures vmbuild's first run, which has no checkpoints, its second after a change of the last
 * provisioner, and Packer's build of the changed template, in this order: over all rounds, the two
 * take turns. Packer keeps nothing, so that its one build stands for both.
 */
export async function measurePackerTemplate(
  setup: Setup,
  round: Round,
  record: RecordTiming,
): Promise<void> {
  const { first, changed } = PACKER_TEMPLATE;
  const ours = await copyTemplate(round, "vmbuild");
  record(first.id, "vmbuild", (await buildWithVmbuild(setup, round, ours)).timing);
  await changeLastProvisioner(ours);
  const second = await buildWithVmbuild(setup, round, ours);
  record(changed.id, "vmbuild", second.timing);
  const theirs = await copyTemplate(round, "packer");
  await changeLastProvisioner(theirs);
  const packer = await buildWithPacker(setup, round, theirs);
  record(changed.id, "packer", packer.timing);
  record(first.id, "packer", packer.timing, changed.id);
  if (round.number > 1) return;
  setup.say("round 1: looking into the images of Packer's template");
  await requireContent(setup, [second.image, packer.image]);
}
