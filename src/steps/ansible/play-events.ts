/** Reads the events that vmbuild's callback plugin prints between the lines of ansible-playbook. */
import { randomBytes } from "node:crypto";
import { z } from "zod";

const failureSchema = z.object({
  event: z.enum(["failed", "unreachable"]),
  play: z.string(),
  /** Name of the task, with the name of its role: `nginx : Install nginx`. */
  task: z.string(),
  /** File and line of the task on the machine where Ansible runs. */
  path: z.string(),
  host: z.string(),
  /** True when the playbook goes on in spite of it (`ignore_errors`). */
  ignored: z.boolean(),
  message: z.string(),
  stdout: z.string(),
  stderr: z.string(),
});

/** Task that failed, or a host that could not be reached for one. */
export type TaskFailure = z.infer<typeof failureSchema>;

const countsSchema = z.object({
  ok: z.number(),
  changed: z.number(),
  failures: z.number(),
  unreachable: z.number(),
  skipped: z.number(),
  rescued: z.number().default(0),
  ignored: z.number().default(0),
});

/** Numbers of tasks by result, as Ansible counts them: `ok` includes `changed`. */
export type TaskCounts = z.infer<typeof countsSchema>;

const eventSchema = z.discriminatedUnion("event", [
  z.object({ event: z.literal("play"), play: z.string() }),
  z.object({ event: z.literal("no-hosts"), play: z.string() }),
  z.object({ event: z.literal("stats"), hosts: z.record(z.string(), countsSchema) }),
  failureSchema,
]);

/** Sums up the counts of all hosts. */
function sumOf(hosts: readonly TaskCounts[]): TaskCounts {
  const sum = (key: keyof TaskCounts): number => hosts.reduce((all, one) => all + one[key], 0);
  return {
    ok: sum("ok"),
    changed: sum("changed"),
    failures: sum("failures"),
    unreachable: sum("unreachable"),
    skipped: sum("skipped"),
    rescued: sum("rescued"),
    ignored: sum("ignored"),
  };
}

/** Formats counts: `5 ok, 2 changed, 0 failed, 1 skipped`. Rare results are left out when zero. */
export function countsText(counts: TaskCounts): string {
  const { ok, changed, failures, ...rare } = counts;
  const others = Object.entries(rare).filter(([, count]) => count > 0);
  return [
    `${ok} ok`,
    `${changed} changed`,
    `${failures} failed`,
    ...others.map(([name, count]) => `${count} ${name}`),
  ].join(", ");
}

/** Collects the events of one run of ansible-playbook from its output. */
export class PlayEvents {
  /** Mark at the beginning of each event; the plugin reads it from VMBUILD_EVENT_MARK. */
  readonly mark = `vmbuild-event-${randomBytes(12).toString("hex")}`;
  /** Counts of all hosts; undefined where the playbook did not get to its end. */
  counts: TaskCounts | undefined;
  /** Last failure that the playbook did not ignore. */
  failure: TaskFailure | undefined;
  #plays = 0;
  #withoutHosts: string[] = [];

  /** Returns the names of the plays when none of them was for any host, and undefined otherwise. */
  get unmatchedPlays(): readonly string[] | undefined {
    const isUnmatched = this.#plays > 0 && this.#withoutHosts.length === this.#plays;
    return isUnmatched ? this.#withoutHosts : undefined;
  }

  /** Consumes a line of standard output. Returns whether it was an event. */
  take(line: string): boolean {
    // Output without a line break at its end may stand before the mark.
    const at = line.indexOf(`${this.mark} `);
    if (at < 0) return false;
    const parsed = eventSchema.safeParse(parseJson(line.slice(at + this.mark.length + 1)));
    if (parsed.success) this.#add(parsed.data);
    return true;
  }

  #add(event: z.infer<typeof eventSchema>): void {
    switch (event.event) {
      case "play":
        this.#plays++;
        break;
      case "no-hosts":
        this.#withoutHosts.push(event.play);
        break;
      case "stats":
        this.counts = sumOf(Object.values(event.hosts));
        break;
      default:
        if (!event.ignored) this.failure = event;
    }
  }
}

/** Parses JSON; undefined where the text is cut off. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // An event that another line was written into only lacks in the counts.
    return undefined;
  }
}
