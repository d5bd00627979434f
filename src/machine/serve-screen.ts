/** Answers requests for a machine's screen, which `vmbuild screen` sends to a run. */
import { join } from "node:path";
import { writeFileAtomic } from "../host/files.js";
import { encodePng } from "./png.js";
import type { RunningMachine } from "./running-machine.js";
import { captureScreen } from "./screen.js";
import { openVnc } from "./vnc.js";

/** Part of a run's control socket: registers the handler of a request. */
export interface RequestServer {
  /** Returns a function that removes the handler. */
  on(request: string, handler: () => Promise<Record<string, unknown>>): () => void;
}

/**
 * Answers the requests `screen`, with the path of a PNG file, and `vnc`, with an address. A machine
 * without a screen is answered with an error. It ends with the machine.
 * @param folder private folder for the file; it is created if missing.
 */
export function serveScreen(
  control: RequestServer,
  machine: Pick<RunningMachine, "qmp" | "ended">,
  folder: string,
): void {
  const path = join(folder, "latest.png");
  const handlers = [
    control.on("screen", async () => {
      const png = await encodePng(await captureScreen(machine, folder));
      await writeFileAtomic(path, png, 0o600);
      return { path };
    }),
    control.on("vnc", async () => {
      // A machine without a screen is refused here; VNC itself would show an empty picture.
      await captureScreen(machine, folder);
      return { address: await openVnc(machine) };
    }),
  ];
  void machine.ended.then(() => {
    for (const remove of handlers) remove();
  });
}
