/**
 * Runs functions before the process ends by `process.exit`, an uncaught error or the second Ctrl-C:
 * to write buffered data or to show the cursor again. One listener serves all sinks.
 */

const acts = new Set<() => void>();

function runActs(): void {
  for (const act of acts) act();
}

/** Runs `act`, which must be synchronous, at exit. Returns a function that removes it. */
export function atExit(act: () => void): () => void {
  if (acts.size === 0) process.on("exit", runActs);
  acts.add(act);
  return () => {
    acts.delete(act);
    if (acts.size === 0) process.off("exit", runActs);
  };
}
