/**
 * Stands in for a guest that restarts: an SSH server whose sessions read the boot ID, and whether a
 * shutdown is pending, from files. Everything else is this host's own.
 */
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Guest } from "../../src/guest/guest.js";
import { kill, startSshd } from "./sshd.js";
import type { Sshd } from "./sshd.js";

/** Boot ID before a restart. */
const OLD_BOOT = "11111111-2222-3333-4444-555555555555";
/** Boot ID after a restart. */
export const NEW_BOOT = "66666666-7777-8888-9999-000000000000";

/** Running server. */
export interface RestartingSshd extends AsyncDisposable {
  readonly sshd: Sshd;
  /** File with the boot ID. */
  readonly bootFile: string;
  readonly guest: Guest;
  /** Ends all connections and writes another boot ID, as a restart does. */
  restart(): Promise<void>;
  /** Reports a pending shutdown from now on: `now reboot`. */
  announce(shutdown: string): Promise<void>;
}

/** Starts a server in the boot {@link OLD_BOOT}. */
export async function startRestartingSshd(): Promise<RestartingSshd> {
  const shell = join("/tmp", `vmbuild-shell-${process.pid}-${Date.now()}`);
  const sshd = await startSshd({ configuration: [`ForceCommand ${shell}`] });
  const bootFile = join(sshd.folder, "boot");
  const state = join(sshd.folder, "state");
  const replace = `s#/proc/sys/kernel/random/boot_id#${bootFile}#; s#/proc/uptime#/nowhere#; s#^say_ending$#cat ${state}#`;
  const lines = [
    "#!/bin/sh",
    "case $SSH_ORIGINAL_COMMAND in",
    `  *' -c '*) eval "$SSH_ORIGINAL_COMMAND" ;;`,
    `  *) sed '${replace}' | /bin/sh ;;`,
    "esac",
  ];
  await writeFile(shell, `${lines.join("\n")}\n`);
  await chmod(shell, 0o755);
  await writeFile(bootFile, `${OLD_BOOT}\n`);
  await writeFile(state, "");
  const guest = new Guest({
    connection: await sshd.connect(),
    connect: () => sshd.connect(),
    slot: undefined,
    user: "root",
    scratchFolder: sshd.folder,
    emit: () => {},
    signal: sshd.signal,
  });
  return {
    sshd,
    bootFile,
    guest,
    async restart() {
      // In this order, since no connection survives a restart.
      for (const pid of await sshd.sessions()) kill(pid);
      await writeFile(bootFile, `${NEW_BOOT}\n`);
    },
    announce: (shutdown) => writeFile(state, `vmbuild-outlook ${shutdown}\n`),
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(shell, { force: true });
    },
  };
}
