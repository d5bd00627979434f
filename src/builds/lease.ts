/**
 * Decides when the lease of a run ends: at a deadline, or some time after its last holder is gone.
 * A holder is a file that exists, or an open connection to the run's control socket.
 */
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";

/** Lease of a run. Times are milliseconds. */
export interface LeaseOptions {
  /** Time from the start of the run to its deadline. */
  readonly ttlMs?: number | undefined;
  /** Absolute path of a file that holds the run for as long as it exists. */
  readonly file?: string | undefined;
  /** Whether connections to the control socket hold the run (`vmbuild attach --hold`). */
  readonly connection?: boolean | undefined;
  /**
   * Time from the loss of the last holder to the end of the run; 30 seconds unless
   * given, and at least that until a first holder has come.
   */
  readonly graceMs?: number | undefined;
}

/** Time for which a run continues without a holder, unless the lease sets another one. */
const DEFAULT_GRACE_MS = 30_000;

/** Part of a lease's time that is left when its end is announced. */
const WARN_FRACTION = 0.1;

/** What a check of the lease sees. */
export interface LeaseFacts {
  /** Milliseconds since the epoch, by which deadlines count even when the clock is set. */
  readonly wallMs: number;
  /** Milliseconds of a clock that is never set, by which the time without a holder counts. */
  readonly steadyMs: number;
  /** Whether the file of the lease exists; irrelevant without one. */
  readonly fileExists: boolean;
}

/** Lease of one run. */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #name: string;
  readonly #emit: Emit;
  #windowStart: number;
  #deadline: number | undefined;
  #isAnnounced = false;
  #connections = 0;
  /** Steady time of the first check since which there is no holder. */
  #lostAt: number | undefined;
  /** Whether any check has seen a holder. */
  #wasHeld = false;

  /**
   * Begins a lease.
   * @param options the lease.
   * @param name build, for the commands in messages.
   * @param emit emits the warnings.
   * @param wallMs present time, in milliseconds since the epoch.
   */
  constructor(options: LeaseOptions, name: string, emit: Emit, wallMs: number) {
    this.#options = options;
    this.#name = name;
    this.#emit = emit;
    this.#windowStart = wallMs;
    this.#deadline = options.ttlMs === undefined ? undefined : wallMs + options.ttlMs;
  }

  /** Deadline in milliseconds since the epoch; undefined without one. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Moves the deadline to `ms` milliseconds from now, and returns it. */
  renew(ms: number, wallMs: number): number {
    this.#windowStart = wallMs;
    this.#isAnnounced = false;
    this.#deadline = wallMs + ms;
    return this.#deadline;
  }

  /** Adds a connection as a holder. Returns a function that removes it, which is idempotent. */
  hold(): () => void {
    this.#connections++;
    let isHolding = true;
    return () => {
      if (isHolding) this.#connections--;
      isHolding = false;
    };
  }

  /**
   * Checks the lease, and warns before its end.
   * @returns the reason why it has ended, as a sentence; undefined while it lasts.
   */
  check(facts: LeaseFacts): string | undefined {
    return this.#checkDeadline(facts) ?? this.#checkHolders(facts);
  }

  /** Time until the deadline or its announcement, by a clock that is not set meanwhile. */
  timeToNext(wallMs: number): number {
    const left = (this.#deadline ?? Infinity) - wallMs;
    return this.#isAnnounced ? left : left - this.#warnAhead;
  }

  #checkDeadline({ wallMs }: LeaseFacts): string | undefined {
    if (this.#deadline === undefined) return undefined;
    const left = this.#deadline - wallMs;
    const at = new Date(this.#deadline).toISOString();
    if (left <= 0) return `The lease of the run expired at ${at}`;
    if (this.#isAnnounced || left > this.#warnAhead) return undefined;
    this.#isAnnounced = true;
    this.#emit({
      type: "warning",
      message: `The lease of the run expires in ${formatDuration(Math.ceil(left / 1000) * 1000)}, at ${at}`,
      hint: `Extend it: vmbuild renew ${this.#name} 1h`,
    });
    return undefined;
  }

  /** Time before the deadline at which it is announced. */
  get #warnAhead(): number {
    return WARN_FRACTION * ((this.#deadline ?? 0) - this.#windowStart);
  }

  #checkHolders({ steadyMs, fileExists }: LeaseFacts): string | undefined {
    const { file, connection = false, graceMs = DEFAULT_GRACE_MS } = this.#options;
    if (file === undefined && !connection) return undefined;
    // A connection counts only where the lease names connections.
    const isHeld = (file !== undefined && fileExists) || (connection && this.#connections > 0);
    this.#wasHeld ||= isHeld;
    if (isHeld) {
      this.#lostAt = undefined;
      return undefined;
    }
    // The first holder can only come when the run has begun.
    const limit = this.#wasHeld ? graceMs : Math.max(graceMs, DEFAULT_GRACE_MS);
    const grace = formatDuration(limit);
    if (this.#lostAt === undefined) {
      this.#lostAt = steadyMs;
      const message = `Nothing holds the lease of the run; it ends in ${grace}`;
      this.#emit({ type: "warning", message, hint: this.#holderHint() });
    }
    const isOver = steadyMs - this.#lostAt >= limit;
    return isOver ? `Nothing has held the lease of the run for ${grace}` : undefined;
  }

  #holderHint(): string {
    const { file, connection } = this.#options;
    const ways = [
      ...(file === undefined ? [] : [`create ${file}`]),
      ...(connection ? [`run vmbuild attach ${this.#name} --hold`] : []),
    ];
    return `To keep it: ${ways.join(", or ")}.`;
  }
}
