/** Shows transfers to and from other hosts while they go on. */
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import type { Emit } from "../events/types.js";
import type { Output } from "./output.js";

/** Called with the bytes that are done, and the bytes of all. */
export type OnBytes = (done: number, total: number) => void;

/** Does work whose events are shown until it ends. */
export async function withView<T>(output: Output, work: (emit: Emit) => Promise<T>): Promise<T> {
  const bus = createBus("", new Secrets(), [await output.createSink()]);
  try {
    return await work(bus.emit);
  } finally {
    await bus.close();
  }
}

/** Emits about a hundred `progress` events of a task. */
export function progressOf(emit: Emit, task: string, label: string): OnBytes {
  let shown = 0;
  return (done, total) => {
    // A transfer that is continued begins with a smaller amount.
    const isSmall = done >= shown && done < total && done - shown < total / 100;
    if (isSmall) return;
    shown = done;
    emit({ type: "progress", task, label, done, total, unit: "bytes" });
  };
}
