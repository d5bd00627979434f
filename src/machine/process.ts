/** Starts QEMU's process and keeps its output. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { systemCode } from "../errors.js";
import { LineSplitter, Tail } from "../host/lines.js";
import { missingProgramError, withParentDeathSignal } from "../host/programs.js";
import type { QmpEvent } from "./qmp.js";
import type { MachineEnd } from "./running-machine.js";

/** Running process of QEMU. */
export interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<MachineEnd>;
  readonly listeners: Set<(event: QmpEvent) => void>;
}

/**
 * Starts QEMU.
 * @param log file to which its output is appended.
 * @param listeners called for each QMP event; one is added, which notes how the machine ends.
 */
export function startProcess(
  binary: string,
  args: readonly string[],
  log: string,
  listeners: Process["listeners"],
): Process {
  const tail = new Tail(20);
  let byGuest = false;
  const [file, wrapped] = withParentDeathSignal(binary, args);
  // QEMU runs in a session of its own, so that Ctrl-C in the terminal reaches only vmbuild, which
  // then stops the machine.
  const child = spawn(file, wrapped, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const logStream = createWriteStream(log, { flags: "a", mode: 0o600 });
  // A full disk must not end the build here. QEMU's last lines are kept in memory anyway.
  logStream.on("error", () => {});
  const splitter = new LineSplitter((line) => tail.push(line));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      splitter.write(chunk);
      logStream.write(chunk);
    });
  }
  const ended = new Promise<MachineEnd>((resolve, reject) => {
    child.once("error", (error) => {
      reject(systemCode(error) === "ENOENT" ? missingProgramError(file, error) : error);
    });
    child.once("close", (exitCode, signal) => {
      splitter.end();
      logStream.end();
      resolve({ exitCode, signal, byGuest, lastLines: tail.lines });
    });
  });
  listeners.add(({ event, data }) => {
    if (event === "SHUTDOWN") byGuest = data["guest"] === true;
  });
  return { child, ended, listeners };
}
