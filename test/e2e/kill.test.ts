/**
 * Kills builds, vmbuild or its QEMU, at random moments and lets later runs finish them.
 * VMBUILD_KILL_SEED selects other moments, and VMBUILD_KILL_TRIALS their number.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox, Running } from "../support/e2e.js";
import { createSandbox, eventually, isAlive, processesOf, requireDone } from "../support/e2e.js";
import { makeSmallGuest, onSmallGuest } from "../support/small-guest.js";
import type { BusyboxGuest } from "../support/busybox-guest.js";

/** Each takes up to half a minute with an emulated guest. */
const TRIALS = Number(process.env["VMBUILD_KILL_TRIALS"] ?? "6");
const STEPS = ["one", "two", "three"];
/** Time during which a build runs steps and saves checkpoints. Milliseconds. */
const SPAN_MS = 7000;

/** Returns a generator of numbers in [0, 1) that depend only on the seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

let sandbox: Sandbox;
let guest: BusyboxGuest;
const seed = Number(process.env["VMBUILD_KILL_SEED"] ?? "20260214");
const random = createRandom(seed);

/** Fills memory of the guest, so that saving a checkpoint takes as long as with a larger system. */
const BALLAST = [
  "mkdir -p /run/ballast && mount -t tmpfs ballast /run/ballast",
  "head -c 4000000 /dev/urandom >/run/ballast/part",
  "for n in $(seq 31); do cat /run/ballast/part; done >/run/ballast/data",
];

/**
 * Creates a template whose steps append to a file and write some megabytes, so that saving takes a
 * while.
 */
const documentOf = (trial: number) => ({
  name: "killed",
  seal: false,
  output: { compression: "none", checksums: ["sha256"] },
  steps: STEPS.map((name, index) => ({
    name,
    actions: [
      ...(index === 0 ? [{ run: BALLAST }] : []),
      {
        run: [
          `echo ${name}-${index === 0 ? trial : 0} >>/root/steps`,
          `head -c 4194304 /dev/urandom >/root/data-${name}`,
          `sha256sum /root/data-${name} >>/root/sums`,
        ],
      },
      ...(name === "three"
        ? [
            { run: ["sha256sum -s -c /root/sums", "cp /root/steps /root/result"] },
            { download: "/root/result", to: "result" },
          ]
        : []),
    ],
  })),
});

beforeAll(async () => {
  sandbox = await createSandbox();
  guest = await makeSmallGuest(sandbox.folder);
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const passed = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Time and victim of a kill. */
interface Kill {
  readonly victim: "vmbuild" | "qemu";
  /** Step at whose end the time starts: its checkpoint is being saved then. */
  readonly after: string | undefined;
  /** Delay after that, or after QEMU's start. */
  readonly moment: number;
}

/** Approximate time to save a checkpoint. Milliseconds. */
const SAVE_MS = 700;

function chooseKill(trial: number): Kill {
  const victim = random() < 0.5 ? "vmbuild" : "qemu";
  const step = STEPS[Math.floor(random() * STEPS.length)];
  const isMidSave = trial % 2 === 0;
  const moment = Math.round(random() * (isMidSave ? SAVE_MS : SPAN_MS));
  return { victim, moment, after: isMidSave ? step : undefined };
}

async function kill(running: Running, { victim, after, moment }: Kill) {
  const [, qemu] = await running.until(/process (\d+), SSH port/);
  if (after !== undefined) await running.until(new RegExp(`\\] ${after} done`));
  await Promise.race([passed(moment), running.ended]);
  const pid = victim === "qemu" ? Number(qemu) : running.pid;
  if (await isAlive(pid)) process.kill(pid, "SIGKILL");
  return running.ended;
}

it(
  `finishes rightly after each of ${TRIALS} kills (seed ${seed})`,
  { timeout: 1_500_000 },
  async () => {
    const outcomes: string[] = [];
    for (let trial = 1; trial <= TRIALS; trial++) {
      const template = await sandbox.template(onSmallGuest(guest, documentOf(trial)));
      const { victim, after, moment } = chooseKill(trial);
      const killed = await kill(sandbox.build(template), { victim, after, moment });
      const what = `trial ${trial}: ${victim} killed ${moment} ms after ${after ?? "its start"}`;
      const saved = [...killed.stderr.matchAll(/ {2}checkpoint \(/g)].length;
      outcomes.push(`${what}, exit ${killed.exitCode}, ${saved} states`);

      const finished = await sandbox.build(template).ended;
      requireDone(finished);
      const result = await readFile(join(sandbox.output, "result"), "utf8");
      const expected = STEPS.map((name, index) => `${name}-${index === 0 ? trial : 0}\n`).join("");
      expect(`${what}: ${result}`).toBe(`${what}: ${expected}`);
    }
    console.log(outcomes.join("\n"));
    await eventually(async () => (await processesOf(sandbox.folder)).length === 0);
  },
);
