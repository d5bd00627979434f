/**
 * Last acts before the process ends by `process.exit`, an uncaught error or the second Ctrl-C:
 * write out what is buffered, give the cursor back. One listener serves any number of sinks.
 */

const acts = new Set<() => void>();

function runActs(): void {
  for (const act of acts) act();
}

/** Has `act`, which must be synchronous, run at exit. Returns what takes it back. */
export function atExit(act: () => void): () => void {
  if (acts.size === 0) process.on("exit", runActs);
  acts.add(act);
  return () => {
    acts.delete(act);
    if (acts.size === 0) process.off("exit", runActs);
  };
}
