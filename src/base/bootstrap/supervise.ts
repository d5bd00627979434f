/** Runs a program of which nothing may be left: not its children, nor after a kill of vmbuild. */
import { PassThrough } from "node:stream";
import type { RunOptions, RunResult } from "../../host/programs.js";
import { runProgram } from "../../host/programs.js";

/**
 * The program runs in a process group of its own. mmdebstrap answers a signal only when apt is
 * through, and its children outlive it, so the whole group is killed: on SIGTERM, which is how an
 * abort comes, and when standard input ends, which is how the death of vmbuild shows (the watcher
 * has a group of its own too, so that it outlives a kill of ours). One of the program's group is
 * the first process of mmdebstrap's PID namespace, and takes everything in it along.
 */
const SUPERVISOR = `
exec 3<&0 </dev/null
set -m
end() { kill -KILL -- "-$job"; } 2>/dev/null
trap end TERM INT HUP
"$@" 3<&- & job=$!
(read -r _ <&3; end) >/dev/null 2>&1 & watcher=$!
set +m
wait "$job"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
`;

/** {@link runProgram} without an input, and without survivors. */
export async function runSupervised(
  file: string,
  args: readonly string[],
  options: Omit<RunOptions, "input">,
): Promise<RunResult> {
  const lifeline = new PassThrough();
  try {
    const command = ["-c", SUPERVISOR, "bash", file, ...args];
    return await runProgram("bash", command, { ...options, input: lifeline });
  } finally {
    lifeline.destroy();
  }
}
