/** Prepares a run in parallel: host, inputs and base. */
import { requireFit } from "../base/base-image.js";
import { resolveBase } from "../base/base.js";
import type { Base } from "../base/base.js";
import type { Control } from "../builds/control.js";
import { resolveInput } from "../inputs/inputs.js";
import type { ResolvedInput } from "../inputs/inputs.js";
import type { FileIdentity } from "../checkpoints/records.js";
import { readIdentity } from "../checkpoints/trust.js";
import type { InstallerContext } from "../base/kind.js";
import { installerContext } from "./installer.js";
import { planDisks } from "./extra-disks.js";
import type { PlannedDisk } from "./extra-disks.js";
import { runInParallel } from "./context.js";
import type { CommonContext, RunContext } from "./context.js";
import { checkHost } from "../requirements/host.js";
import type { HostFacts } from "../requirements/host.js";
import { planLogin } from "../requirements/login.js";
import type { LoginPlan } from "../requirements/login.js";
import { planSeed, requireWayIn } from "../requirements/seed.js";
import type { Seed } from "../seed/kind.js";

/** Facts about the host, and the fetched inputs and base. */
export interface Prepared {
  readonly host: HostFacts;
  readonly login: LoginPlan;
  readonly inputs: readonly ResolvedInput[];
  readonly base: Base;
  /** Disks beside the root disk. */
  readonly disks: readonly PlannedDisk[];
  readonly seed: Seed;
  /** Identity of the base's file when its digest was computed. */
  readonly baseIdentity: FileIdentity;
}

async function prepareHost(context: RunContext, signal: AbortSignal): Promise<HostFacts> {
  const { emit, template, workspace } = context;
  const folders = { state: workspace.build.folder };
  const host = await context.phase("host", () => checkHost(template, folders, signal), {
    detail: ({ qemu, accelerator }) => `QEMU ${qemu.text}, ${accelerator}`,
  });
  if (host.fallback) {
    emit({
      type: "warning",
      message: `Using emulation (tcg), which is many times slower than KVM: ${host.fallback.message}`,
      hint: host.fallback.hint,
    });
  }
  return host;
}

/**
 * Fetches the template's inputs, or takes them from the cache.
 * @throws {VmbuildError} INPUT_…; the reason of a cancellation.
 */
export async function prepareInputs(
  context: CommonContext,
  signal: AbortSignal,
): Promise<ResolvedInput[]> {
  const { emit, template, options } = context;
  if (template.inputSpecs.size === 0) return [];
  const inputContext = { emit, signal, offline: options.offline ?? false };
  const tasks = [...template.inputSpecs].map(
    ([name, spec]) =>
      (either: AbortSignal) =>
        resolveInput(name, spec, { ...inputContext, signal: either }),
  );
  return context.phase("inputs", () => runInParallel(signal, tasks), {
    detail: (inputs) => {
      const cached = inputs.filter((input) => input.fromCache).length;
      return `${inputs.length} ready, ${cached} from the cache`;
    },
  });
}

async function prepareBase(
  context: RunContext,
  signal: AbortSignal,
  installer: InstallerContext,
): Promise<Base> {
  const { emit, template, options } = context;
  const baseContext = {
    emit,
    signal,
    offline: options.offline ?? false,
    templateFolder: template.folder,
    disk: template.machine.disk,
    findArtifact: options.findArtifact,
    installer,
  };
  const base = await context.phase("base", () => resolveBase(template.base, baseContext), {
    detail: ({ origin }) => origin,
  });
  if (!template.machine.skipResize) requireFit(base, template.machine.disk);
  return base;
}

/** Returns a promise that another one settles later. */
function deferred<T>() {
  let resolve: (value: Promise<T>) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  // Its failure is reported by the task that it follows.
  promise.catch(() => {});
  return {
    promise,
    follow(other: Promise<T>): Promise<T> {
      resolve(other);
      return other;
    },
  };
}

/**
 * Prepares everything except the disk, which may come from a checkpoint.
 * @param control control socket of the run; without one, no installer is run.
 * @throws {VmbuildError} the first error; the other preparations are cancelled.
 */
export async function prepare(
  context: RunContext,
  control: Control | undefined,
): Promise<Prepared> {
  const login = await planLogin(context.template);
  // An installer starts only when the host is known to be ready.
  const hostKnown = deferred<HostFacts>();
  const installer = installerContext({ context, control, login }, () => hostKnown.promise);
  const [host, inputs, base] = await runInParallel<[HostFacts, ResolvedInput[], Base]>(
    context.options.signal,
    [
      async (signal) => hostKnown.follow(prepareHost(context, signal)),
      (signal) => prepareInputs(context, signal),
      (signal) => prepareBase(context, signal, installer),
    ],
  );
  requireWayIn(context.template, base);
  const seed = planSeed(context.template, base);
  const disks = await context.wait(() => planDisks(context.template, context.options.signal));
  const baseIdentity = await readIdentity(base.path);
  return { host, login, inputs, base, disks, seed, baseIdentity };
}
