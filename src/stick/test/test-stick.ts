/** Tests the image of a stick in machines with an empty disk, which then start from that disk. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { composeReport } from "../../acceptance/report.js";
import type { AcceptanceReport, RoundResult } from "../../acceptance/report.js";
import { reportResult } from "../../acceptance/run.js";
import type { CheckResult } from "../../acceptance/run.js";
import type { Emit } from "../../events/types.js";
import { makeFolder, requireSpace, sizeOnDisk } from "../../host/files.js";
import { decideAccelerator } from "../../machine/accelerator.js";
import type { AcceleratorChoice } from "../../machine/accelerator.js";
import { createDisk, createOverlay } from "../../machine/disk.js";
import { requireUefi } from "../../machine/firmware.js";
import { qemuVersion } from "../../machine/qemu-version.js";
import type { Accelerator } from "../../machine/shape.js";
import { watchSystem } from "./alone.js";
import { checkStick } from "./check-stick.js";
import { watchInstallation, watchRecognition } from "./install.js";
import { planStickMachine } from "./machine.js";
import type { StickMachine, StickStart } from "./machine.js";
import { titleOf } from "./matrix.js";
import type { Combination, StickFirmware } from "./matrix.js";
import { performStart, stickResult } from "./start.js";
import type { Expected } from "./start.js";

/** Test of a stick. Paths are absolute, sizes are bytes. */
export interface StickTest {
  /** Image of the stick, which is never written to. */
  readonly stick: string;
  /** Subject of the report. */
  readonly about: { readonly name: string; readonly version?: string };
  readonly machine: StickMachine;
  readonly accelerator: AcceleratorChoice;
  readonly combinations: readonly Combination[];
  /** Size of the empty disk. */
  readonly targetSize: number;
  /** Starts from the stick once more, which must not install again. */
  readonly again: boolean;
  /** Text of the installed system's console to wait for, in place of a login. */
  readonly prompt?: string | undefined;
  /** True where the installed system starts under secure boot as well. */
  readonly isSigned: boolean;
  /** Time limit of one start. Milliseconds. */
  readonly timeoutMs: number;
  /** Folder for the consoles and screens of all starts; without it, those of failures are kept. */
  readonly logs?: string | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly onRound: (name: string) => void;
  readonly onResult: (result: CheckResult) => void;
}

/** Space for the files of QEMU besides the disks. Bytes. */
const SPARE = 2 ** 30;

/** Folders of a test. */
interface Places {
  readonly work: string;
  readonly logs: string;
}

/** Returns the firmware of the installed system: its boot loaders need not be signed. */
function firmwareAlone(firmware: StickFirmware, { isSigned }: StickTest): StickFirmware {
  return firmware === "secure-boot" && !isSigned ? "uefi" : firmware;
}

/** Creates the empty disk and the stick's overlay. */
async function makeDisks(
  { stick, targetSize, signal }: StickTest,
  folder: string,
): Promise<{ readonly disk: string; readonly overlay: string }> {
  await mkdir(folder, { mode: 0o700 });
  const [disk, overlay] = [join(folder, "disk.qcow2"), join(folder, "stick.qcow2")];
  await createDisk(disk, targetSize, signal);
  await createOverlay({ path: overlay, backing: stick, backingFormat: "raw", signal });
  return { disk, overlay };
}

/** Start of a combination, and what it is to show. */
interface PlannedStart extends Omit<Expected, "timeoutMs"> {
  readonly start: StickStart;
}

/** Tests one combination; checks that depend on one that has failed fail, too. */
async function testCombination(
  test: StickTest,
  combination: Combination,
  { work, logs }: Places,
  accelerator: Accelerator,
): Promise<CheckResult[]> {
  const { machine, prompt, timeoutMs, emit, signal } = test;
  const { firmware, target } = combination;
  const name = `${firmware}-${target}`;
  const { disk, overlay } = await makeDisks(test, join(work, name));
  const folder = join(logs, name);
  const common = { machine, accelerator, target, disk, folder, emit, signal };
  const withStick = { ...common, firmware, stick: overlay };
  const alone = { ...common, firmware: firmwareAlone(firmware, test), stick: undefined };
  const starts: readonly PlannedStart[] = [
    {
      start: { ...withStick, label: "install" },
      check: "the stick installs its image on the empty disk",
      perform: watchInstallation,
    },
    {
      start: { ...withStick, label: "again" },
      check: "the stick does not install again",
      perform: watchRecognition,
    },
    {
      start: { ...alone, label: "alone" },
      check: "the disk starts alone",
      perform: (started) => watchSystem(started, prompt),
    },
  ];
  const results: CheckResult[] = [];
  for (const { start, ...expected } of starts) {
    if (start.label === "again" && !test.again) continue;
    const isHopeless = results[0]?.ok === false;
    const result = isHopeless
      ? stickResult(expected.check, 0, { reason: "the image was not installed", lines: [] })
      : await performStart(start, { ...expected, timeoutMs });
    reportResult(result, { emit, round: titleOf(combination), onResult: test.onResult });
    results.push(result);
  }
  await rm(join(work, name), { recursive: true, force: true });
  return results;
}

/** Checks the host before the first machine is started; returns the accelerator. */
async function checkHost(test: StickTest, work: string): Promise<Accelerator> {
  const { machine, combinations, stick, emit, signal } = test;
  for (const firmware of new Set(combinations.map((one) => one.firmware))) {
    await requireUefi(planStickMachine(machine, firmware));
  }
  const plan = planStickMachine(machine, "bios");
  await qemuVersion(plan.binary, signal);
  await requireSpace(
    join(work, "disk"),
    2 * (await sizeOnDisk(stick)) + SPARE,
    "the test of a stick",
  );
  const { accelerator, fallback } = await decideAccelerator(test.accelerator, plan, signal);
  if (fallback) {
    const message = `Using emulation (tcg): ${fallback.message}`;
    emit({ type: "warning", message, hint: fallback.hint });
  }
  return accelerator;
}

/**
 * Tests a stick. The report contains the results of all combinations.
 * @throws {VmbuildError} INPUT_MISSING and USAGE for what is no stick; of the host; of a machine
 *   that does not start; the signal's reason.
 */
export async function testStick(test: StickTest): Promise<AcceptanceReport> {
  const { stick, about, combinations, logs } = test;
  const began = performance.now();
  await checkStick(stick);
  if (logs !== undefined) await makeFolder(logs);
  // Not /tmp, which is often in memory: a disk takes as much as the image in it.
  const work = await mkdtemp(join(process.env["TMPDIR"] ?? "/var/tmp", "vmbuild-stick-"));
  const places = { work, logs: logs ?? join(work, "logs") };
  let isWanted = false;
  try {
    const accelerator = await checkHost(test, work);
    const rounds: RoundResult[] = [];
    for (const combination of combinations) {
      const name = titleOf(combination);
      test.onRound(name);
      const checks = await testCombination(test, combination, places, accelerator);
      rounds.push({ name, checks });
      // The report of the round names its consoles.
      if (logs === undefined && checks.some(({ ok }) => !ok)) isWanted = true;
    }
    const durationMs = performance.now() - began;
    return composeReport({ ...about, subject: stick, durationMs }, rounds);
  } finally {
    if (!isWanted) await rm(work, { recursive: true, force: true });
  }
}
