/** Reports the progress of a bootstrap from the lines in which mmdebstrap names its stages. */
import type { Emit } from "../../events/types.js";

/** Beginning of a line, and the progress at that point in percent. */
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

/** Emits the progress of the bootstrap. */
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

/** Returns a listener for mmdebstrap's lines that reports each stage once, in ascending order. */
export function followStages(suite: string, emit: Emit): (line: string) => void {
  let reached = 0;
  return (line) => {
    const stage = STAGES.find(([start]) => line.startsWith(start));
    if (stage === undefined || stage[1] <= reached) return;
    reached = stage[1];
    emitProgress(suite, emit, reached);
  };
}
