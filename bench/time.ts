/** Runs a program against the clock. */
import { readFileSync } from "node:fs";
import { describeExit, runProgram } from "../dist/host/programs.js";
import type { TimedLine } from "./stages.js";

/** How often a process's peak memory is read. It never falls, so only the last moment can be missed. */
const LOOK_EVERY_MS = 50;

/** What to run, and what to keep of it. */
export interface TimeOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Its children end with it when the bench is interrupted, which they do not do by themselves. */
  readonly processGroup?: boolean;
  /** Reads the most memory that the process itself has had. */
  readonly watchMemory?: boolean;
  /** Forgets what it prints, but for the last lines. */
  readonly quiet?: boolean;
}

/** How it went. */
export interface Timed {
  readonly ms: number;
  readonly lines: readonly TimedLine[];
  readonly peakBytes?: number;
}

/** Returns the arguments that give a template its variables, with the option before each. */
export function variableArguments(
  option: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(variables).flatMap(([name, value]) => [option, `${name}=${value}`]);
}

/** VmHWM, the process's peak resident memory (proc(5)); undefined when it has gone. */
function peakMemory(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined; // It ended between two looks.
  }
}

/**
 * Runs a program to its end. Both streams count as one.
 * @throws {Error} with its last lines when it does not end with exit 0: a time of something that
 *   failed means nothing.
 */
export async function timeProgram(
  file: string,
  args: readonly string[],
  options: TimeOptions,
): Promise<Timed> {
  // What the contender before left to be written is not this one's to wait for.
  await runProgram("sync", [], { signal: options.signal });
  const lines: TimedLine[] = [];
  let peakBytes: number | undefined;
  let watch: NodeJS.Timeout | undefined;
  const started = performance.now();
  const result = await runProgram(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    signal: options.signal,
    processGroup: options.processGroup ?? false,
    onLine(text) {
      if (!options.quiet) lines.push({ atMs: performance.now() - started, text });
    },
    onStart(pid) {
      if (!options.watchMemory) return;
      watch = setInterval(() => {
        peakBytes = peakMemory(pid) ?? peakBytes;
      }, LOOK_EVERY_MS);
    },
  }).finally(() => clearInterval(watch));
  const ms = performance.now() - started;
  if (result.exitCode !== 0) {
    throw new Error(
      [`${file} ended with ${describeExit(result)}:`, ...result.lastLines].join("\n  "),
    );
  }
  return { ms, lines, ...(peakBytes === undefined ? {} : { peakBytes }) };
}
