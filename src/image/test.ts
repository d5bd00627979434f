/** Boots a finished image on a temporary overlay and runs the acceptance checks of its template. */
import type { Credentials } from "../acceptance/credentials.js";
import type { HttpTarget } from "../acceptance/http.js";
import { composeReport } from "../acceptance/report.js";
import type { AcceptanceReport, RoundResult } from "../acceptance/report.js";
import { runChecks, reportResult } from "../acceptance/run.js";
import type { CheckResult } from "../acceptance/run.js";
import { messageOf } from "../errors.js";
import type { Secrets } from "../events/secrets.js";
import type { Emit } from "../events/types.js";
import { Guest } from "../guest/guest.js";
import { findFatalLine } from "../guest/readiness.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { readConsoleTail } from "../machine/console.js";
import { stopMachine } from "../machine/stop.js";
import type { ContextVariables } from "../seed/context.js";
import type { Acceptance } from "../template/acceptance-schema.js";
import type { Template } from "../template/load.js";
import { guestPort, requireAcceptance, trustOf } from "./acceptance.js";
import { openOverlay } from "./overlay.js";
import type { ImageOverlay } from "./overlay.js";
import type { BootedImage } from "./start.js";
import { planImageMachine } from "../requirements/plan.js";
import { RoundContexts } from "./test-context.js";
import { failRound, portsOf, roundsOf } from "./rounds.js";

/** Inputs of {@link testImage}. */
export interface TestImageOptions {
  readonly template: Template;
  /** Path of the finished image. */
  readonly image: string;
  /** Architecture for which the image was built; `machine.arch` unless given. */
  readonly arch?: ArchitectureName;
  /** Paths of the images of further disks, by name. */
  readonly disks: ReadonlyMap<string, string>;
  /** Replaces the template's value. Bytes. */
  readonly memory?: number | undefined;
  readonly cpus?: number | undefined;
  /** Replaces the section's values, in every round. */
  readonly context?: ContextVariables | undefined;
  /** Attach a NoCloud disk, whatever the section says. */
  readonly seed?: boolean | undefined;
  /** Absolute path of the console's log. Further starts append `.2`, `.3`. */
  readonly console?: string | undefined;
  readonly emit: Emit;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
  readonly onRound: (name: string | undefined) => void;
  readonly onResult: (result: CheckResult) => void;
}

function httpTarget(
  section: Acceptance,
  booted: BootedImage,
  trust: HttpTarget["trust"],
  credentials: Credentials,
): HttpTarget {
  const { endpoint } = section;
  return {
    trust,
    serverName: endpoint.serverName,
    credentials,
    address(scheme = endpoint.scheme, port) {
      const guest = guestPort(endpoint, scheme, port);
      return `${scheme}://127.0.0.1:${booted.ports.get(guest) ?? guest}`;
    },
  };
}

/** Creates a guest that connects at its first use. A failure to connect is not retried. */
function createLazyGuest(booted: BootedImage, timeoutMs: number, emit: Emit, signal: AbortSignal) {
  let opened: Promise<Guest> | undefined;
  const open = async (): Promise<Guest> =>
    new Guest({
      connection: await booted.connect(timeoutMs),
      connect: (ms) => booted.connect(ms),
      slot: undefined,
      user: "root",
      scratchFolder: "/nonexistent", // Nothing is uploaded.
      emit,
      signal: AbortSignal.any([signal, booted.machine.death]),
    });
  return { guest: () => (opened ??= open()), connecting: () => opened };
}

/** Returns why the guest cannot answer any more: the machine died, or the console shows a panic. */
async function fatalProblem({ machine, console }: BootedImage): Promise<string | undefined> {
  if (machine.death.aborted) return messageOf(machine.death.reason);
  return findFatalLine(await readConsoleTail(console))?.trim();
}

/** Shuts the guest down cleanly, so that its disk is consistent in the next round. */
async function shutDownGuest(
  booted: BootedImage,
  opened: Promise<Guest> | undefined,
  { emit, signal }: TestImageOptions,
): Promise<void> {
  const guest = await opened?.catch(() => undefined);
  await stopMachine(booted.machine, {
    emit,
    signal,
    ...(guest ? { poweroff: () => guest.poweroff() } : {}),
  });
}

const consolePath = (path: string | undefined, round: number): string | undefined =>
  path === undefined || round === 0 ? path : `${path}.${round + 1}`;

/**
 * Tests an image. The report contains the results of all checks, including those that could not be
 * run.
 * @throws {VmbuildError} of the host, and of a machine that does not start or stop;
 *   TEMPLATE_INVALID when the template has no acceptance section.
 */
export async function testImage(options: TestImageOptions): Promise<AcceptanceReport> {
  const { template, image, emit, signal, onRound, onResult } = options;
  const section = requireAcceptance(template);
  const { boot } = section;
  const trust = await trustOf(template, section);
  const contexts = new RoundContexts(options, section);
  const rounds = roundsOf(section);
  const started = performance.now();
  const results: RoundResult[] = [];
  const machine = planImageMachine(template, options.arch ?? template.machine.arch);
  await using overlay: ImageOverlay = await openOverlay({
    image,
    disks: options.disks,
    machine: {
      ...machine,
      memory: options.memory ?? boot.memory ?? machine.memory,
      cpus: options.cpus ?? boot.cpus ?? machine.cpus,
    },
    accelerator: template.machine.accelerator,
    emit,
    signal,
  });
  let lostReason: string | undefined;
  for (const [index, round] of rounds.entries()) {
    contexts.startRound(round);
    onRound(round.name);
    const reporting = { emit, onResult, round: round.name };
    const add = (checks: CheckResult[]): void => {
      results.push(round.name === undefined ? { checks } : { name: round.name, checks });
    };
    if (lostReason !== undefined) {
      const failed = failRound(round, lostReason);
      for (const result of failed) reportResult(result, reporting);
      add(failed);
      continue;
    }
    const booted = await overlay.start({
      context: contexts.values,
      seed: options.seed ?? boot.seed ?? contexts.values === undefined,
      forwards: portsOf(section).map((guest) => ({ host: undefined, guest })),
      console: consolePath(options.console, index),
    });
    const { guest, connecting } = createLazyGuest(booted, boot.timeout, emit, signal);
    add(
      await runChecks(round.checks, {
        ...reporting,
        targets: {
          http: httpTarget(section, booted, trust, contexts.credentials),
          guest: { guest, console: booted.console },
        },
        startedAt: booted.startedAt,
        signal,
        hopelessReason: () => fatalProblem(booted),
      }),
    );
    // A machine that died may have left the disk inconsistent, so no further round is started.
    if (booted.machine.death.aborted) lostReason = "the machine exited in an earlier round";
    else if (index < rounds.length - 1) await shutDownGuest(booted, connecting(), options);
  }
  const durationMs = performance.now() - started;
  const { name, version } = template;
  return composeReport({ name, version, subject: image, durationMs }, results);
}
