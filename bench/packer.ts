/** Packer's turn: bench/image/packer.json, as somebody who knows Packer would have written it. */
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../dist/host/programs.js";
import { writeTextDisk } from "../dist/seed/iso.js";
import type { Built } from "./samples.js";
import { PACKER_MARKS, cutAtMarks } from "./stages.js";
import { timeProgram, variableArguments } from "./time.js";
import type { Round, Setup } from "./setup.js";

/** The key and the seed, which Packer's user makes beforehand; their making is not measured. */
export interface PackerFiles {
  readonly key: string;
  readonly seed: string;
}

/** The modules that vmbuild's own seed leaves running (cloud-init/minimal.yml). */
const MINIMAL_MODULES = [
  "cloud_init_modules: [seed_random, bootcmd, growpart, resizefs, users-groups, ssh]",
  "cloud_config_modules: []",
  "cloud_final_modules: []",
];

/** Makes the build's key and its NoCloud seed. */
export async function preparePacker({ work, settings, signal }: Setup): Promise<PackerFiles> {
  const folder = join(work, "packer");
  const key = join(folder, "key");
  await mkdir(folder, { recursive: true });
  const keygen = ["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", key];
  const made = await runProgram("ssh-keygen", keygen, { signal });
  if (made.exitCode !== 0) throw new Error(made.lastLines.join("\n"));
  const line = await readFile(`${key}.pub`, "utf8");
  const userData = [
    "#cloud-config",
    "disable_root: false",
    `ssh_authorized_keys: ["${line.trim()}"]`,
    ...(settings.packerSeed === "minimal" ? MINIMAL_MODULES : []),
  ];
  const seed = join(folder, "seed.iso");
  const files = {
    "user-data": `${userData.join("\n")}\n`,
    "meta-data": "instance-id: bench\nlocal-hostname: bench\n",
  };
  await writeTextDisk(files, "CIDATA", seed, signal);
  return { key, seed };
}

/** One whole build. Packer has no cache, so it is the same whatever was built before. */
export async function buildWithPacker(
  setup: Setup,
  round: Round,
  files: PackerFiles,
): Promise<Built> {
  const { host, base } = setup;
  const output = join(round.folder, "output", "packer");
  const variables = {
    base,
    seed: files.seed,
    key: files.key,
    output,
    accelerator: host.accelerator === "kvm" ? "kvm" : "tcg",
    cpu: host.guestCpu,
  };
  const template = join(round.image, "packer.json");
  const image = join(output, "bench-1.0.0.qcow2");
  return runPacker(setup, round, { template, variables, image });
}

/** One build by Packer. */
interface PackerRun {
  /** The template's path. */
  readonly template: string;
  /** The current folder; the round's unless given. */
  readonly cwd?: string;
  readonly variables: Readonly<Record<string, string>>;
  /** The image that comes of it. */
  readonly image: string;
}

/** Runs Packer on a template. */
export async function runPacker(
  { signal }: Setup,
  round: Round,
  { template, cwd = round.folder, variables, image }: PackerRun,
): Promise<Built> {
  const given = variableArguments("-var", variables);
  const timed = await timeProgram("packer", ["build", "-color=false", ...given, template], {
    cwd,
    signal,
    processGroup: true,
    // No question to its maker whether there is a newer one; its cache not in the home folder.
    env: { CHECKPOINT_DISABLE: "1", PACKER_CACHE_DIR: join(round.folder, "packer-cache") },
  });
  const stages = cutAtMarks(PACKER_MARKS, timed.lines, timed.ms);
  return { timing: { ms: timed.ms, stages, imageBytes: (await stat(image)).size }, image };
}
