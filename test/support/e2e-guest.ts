/** Boots a finished image again as a user would: with a new overlay, seed and keys. */
import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Guest } from "../../src/guest/guest.js";
import { buildTarget } from "../../src/guest/build-target.js";
import { makeBuildKeys } from "../../src/seed/keys.js";
import { waitUntilReady } from "../../src/guest/readiness.js";
import { readConsoleTail } from "../../src/machine/console.js";
import { createOverlay } from "../../src/machine/disk.js";
import { launchMachine } from "../../src/machine/machine.js";
import { writeSeed } from "../../src/seed/nocloud.js";
import { SMALL_SHAPE } from "./machine.js";

/** Running guest. Disposing of it kills its machine. */
export interface BootedImage extends AsyncDisposable {
  /** Runs a script with bash as root and returns its output. Throws when the script fails. */
  ask(script: string): Promise<string>;
}

/**
 * Boots an image under emulation and waits until the guest answers with the host key of its new
 * seed. The image is not changed.
 * @param folder empty folder for the overlay, the seed and the sockets.
 */
export async function bootImage(image: string, folder: string): Promise<BootedImage> {
  const keys = makeBuildKeys();
  const disk = join(folder, "overlay.qcow2");
  const seed = join(folder, "seed.iso");
  const console = join(folder, "console.log");
  const { signal } = new AbortController();
  const emit = (): void => {};
  await createOverlay({ path: disk, backing: image, backingFormat: "qcow2" });
  await writeSeed({ instanceId: randomUUID(), hostname: "again", user: "root", keys }, seed);
  const binary = "qemu-system-x86_64";
  const machine = await launchMachine({
    shape: { ...SMALL_SHAPE, name: "again", binary, memory: 768 * 2 ** 20 },
    files: { disk, readOnlyDisks: [seed], console },
    runtimeFolder: folder,
    runId: "again",
    log: join(folder, "qemu.log"),
    emit,
    signal,
  });
  try {
    const connection = await waitUntilReady({
      target: buildTarget(machine.sshPort, "root", keys),
      timeoutMs: 300_000,
      emit,
      signal: machine.death,
      readConsole: () => readConsoleTail(console),
    });
    const guest = new Guest({
      connection,
      connect: () => Promise.reject(new Error("it is not restarted")),
      slot: undefined,
      user: "root",
      scratchFolder: folder,
      emit,
      signal: machine.death,
    });
    return {
      async ask(script) {
        const lines: string[] = [];
        const onLine = (line: string): number => lines.push(line);
        const interpreter = ["/bin/bash", "-eu"];
        const { exitCode } = await guest.run({ content: script, interpreter, onLine });
        if (exitCode !== 0) throw new Error(`${script}\nexit ${exitCode}\n${lines.join("\n")}`);
        return lines.join("\n");
      },
      async [Symbol.asyncDispose]() {
        guest.close();
        await machine.kill();
      },
    };
  } catch (error) {
    await machine.kill();
    throw error;
  }
}

const CHUNK = 4 * 2 ** 20;

/** Returns those of the texts that occur in a file. */
export async function textsInFile(path: string, texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const overlap = Math.max(...texts.map((text) => text.length));
  await using handle = await open(path, "r");
  const buffer = Buffer.alloc(CHUNK + overlap);
  let carried = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, carried, CHUNK);
    if (bytesRead === 0) return [...found];
    const here = buffer.subarray(0, carried + bytesRead);
    for (const text of texts) if (here.includes(text)) found.add(text);
    carried = Math.min(overlap, here.length);
    buffer.copyWithin(0, here.length - carried, here.length);
  }
}
