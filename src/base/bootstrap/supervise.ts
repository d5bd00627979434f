/** Runs a program and kills all its descendants when it is cancelled or vmbuild dies. */
import { PassThrough } from "node:stream";
import type { RunOptions, RunResult } from "../../host/programs.js";
import { runProgram } from "../../host/programs.js";

/**
 * Runs the program in a process group of its own. mmdebstrap handles a signal only after apt has
 * finished, and its children outlive it, so the whole group is killed: on SIGTERM, when the run is
 * cancelled, and at the end of standard input, when vmbuild dies. The watcher has its own group, so
 * that it survives a kill of the supervisor's. The first process of mmdebstrap's PID namespace is
 * in the killed group, and all others in the namespace end with it.
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

/** Runs a program like {@link runProgram}, without input; no descendant survives it. */
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
