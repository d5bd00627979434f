/** How far a bootstrap is, from the lines in which mmdebstrap names its stages. */
import type { Emit } from "../../events/types.js";

/** The beginning of a line, and the share of the whole that is then done, in percent. */
const STAGES: readonly (readonly [start: string, percent: number])[] = [
  ["I: running apt-get update", 2],
  ["I: downloading packages", 5],
  ["I: extracting archives", 7],
  ["I: installing essential packages", 14],
  ["I: installing remaining packages", 26],
  ["I: running --customize-hook", 76],
  ["I: cleaning package lists", 87],
  ["I: success", 88],
];

/** The progress of the whole job. */
export function emitProgress(suite: string, emit: Emit, percent: number): void {
  emit({
    type: "progress",
    task: "bootstrap",
    label: `bootstrap ${suite}`,
    done: percent,
    total: 100,
    unit: "percent",
  });
}

/** Makes a listener for mmdebstrap's lines that tells each stage once, in rising order. */
export function followStages(suite: string, emit: Emit): (line: string) => void {
  let reached = 0;
  return (line) => {
    const stage = STAGES.find(([start]) => line.startsWith(start));
    if (stage === undefined || stage[1] <= reached) return;
    reached = stage[1];
    emitProgress(suite, emit, reached);
  };
}
