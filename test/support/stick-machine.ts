/**
 * Runs the installer of a stick on this host with the shell that it has on a stick, busybox'.
 * The disks are plain files, and sysfs is a folder of files with the same names: stand-ins.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { systemCode } from "../../src/errors.js";

/** Stand-in for a disk. */
export interface DiskStandIn {
  /** Kernel name, such as `sda`. */
  readonly name: string;
  readonly bus: "nvme" | "ata" | "scsi" | "virtio" | "usb" | "mmc";
  /** Bytes. */
  readonly size: number;
  readonly model?: string;
  readonly serial?: string;
  readonly removable?: boolean;
  readonly readOnly?: boolean;
  /** Bytes; 512 by default. */
  readonly sector?: number;
}

/** End of the installer. */
export interface InstallerEnd {
  /** Exit status; 137 where the stand-in for a power cut killed it. */
  readonly status: number;
  readonly output: string;
}

/** Installer that runs. */
export interface RunningInstaller {
  readonly ended: Promise<InstallerEnd>;
  /** Waits for a text in the output. */
  until(text: string): Promise<void>;
  /** Types keys. */
  type(keys: string): Promise<void>;
}

/** Machine with a stick. */
export interface StickMachine extends AsyncDisposable {
  /** Folder that stands for the data partition. */
  readonly stick: string;
  /** Path of the file that stands for a disk. */
  disk(name: string): string;
  /** Puts a shell script in front of a program of the installer; `@REAL@` is the program's path. */
  wrap(program: string, script: string): Promise<void>;
  start(): RunningInstaller;
  /** Runs the installer to its end, without keys. */
  run(): Promise<InstallerEnd>;
}

/** Folders of sysfs, in which the bus of a disk can be seen. */
const BUS_FOLDERS: Readonly<Record<DiskStandIn["bus"], string>> = {
  nvme: "pci0000:00/0000:00:04.0/nvme/nvme0",
  ata: "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block",
  scsi: "pci0000:00/0000:00:05.0/host2/target2:0:0/2:0:0:0/block",
  virtio: "pci0000:00/0000:00:06.0/virtio2/block",
  usb: "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host3/target3:0:0/3:0:0:0/block",
  mmc: "pci0000:00/0000:00:07.0/mmc_host/mmc0/mmc0:0001/block",
};

async function addDisk(root: string, disk: DiskStandIn): Promise<void> {
  const folder = join(root, "sys/devices", BUS_FOLDERS[disk.bus], disk.name);
  const files = {
    size: disk.size / 512,
    removable: Number(disk.removable ?? false),
    ro: Number(disk.readOnly ?? false),
    "queue/logical_block_size": disk.sector ?? 512,
    "device/model": disk.model,
    "device/serial": disk.serial,
  };
  for (const [name, value] of Object.entries(files)) {
    if (value === undefined) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), `${value}\n`);
  }
  await symlink(folder, join(root, "sys/block", disk.name));
  const file = await open(join(root, "dev", disk.name), "w");
  await file.truncate(disk.size);
  await file.close();
}

/**
 * Fills a folder with busybox' programs and the others that the stick has. `sync` does nothing: it
 * would wait for all that the tests beside this one have written.
 */
export async function makePrograms(folder: string): Promise<void> {
  await mkdir(folder);
  const { stdout } = await execa("busybox", ["--list"]);
  const find = async (name: string): Promise<string> =>
    (await execa("sh", ["-c", 'PATH=$PATH:/usr/sbin:/sbin command -v "$1"', "sh", name])).stdout;
  const others = ["qemu-img", "zstd", "sfdisk"];
  const busybox = await find("busybox");
  for (const name of stdout.split("\n").filter((one) => ![...others, "sync"].includes(one))) {
    await symlink(busybox, join(folder, name));
  }
  for (const name of others) await symlink(await find(name), join(folder, name));
  await writeFile(join(folder, "sync"), "#!/bin/sh\n", { mode: 0o755 });
}

/**
 * Makes a machine with these disks; the stick is `sdz`.
 * @param programs folder that {@link makePrograms} has filled.
 */
export async function makeStickMachine(
  programs: string,
  disks: readonly DiskStandIn[],
): Promise<StickMachine> {
  const root = await mkdtemp(join(tmpdir(), "stick-"));
  for (const name of ["sys/block", "sys/class/dmi/id", "dev", "stick", "bin"]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await writeFile(join(root, "sys/class/dmi/id/product_uuid"), "4c4c4544-0039-4a10-8051\n");
  const stick: DiskStandIn = { name: "sdz", bus: "usb", size: 2 ** 30, removable: true };
  for (const disk of [...disks, stick]) await addDisk(root, disk);
  const keys = join(root, "run/keys");
  const screen = join(root, "screen");
  const running = new Set<number>();
  const machine: StickMachine = {
    stick: join(root, "stick"),
    disk: (name) => join(root, "dev", name),
    async wrap(program, script) {
      const text = `#!/bin/sh\n${script.replaceAll("@REAL@", join(programs, program))}\n`;
      await writeFile(join(root, "bin", program), text, { mode: 0o755 });
    },
    start() {
      writeFileSync(screen, "");
      // A process group of its own, which a stand-in for a power cut kills as a whole.
      const child = spawn(
        join(programs, "sh"),
        [resolve("appliances/usb-installer/live/installer")],
        {
          detached: true,
          stdio: ["ignore", "ignore", "pipe"],
          env: {
            PATH: `${join(root, "bin")}:${programs}`,
            INSTALLER_SYS: join(root, "sys"),
            INSTALLER_DEV: join(root, "dev"),
            INSTALLER_RUN: join(root, "run"),
            INSTALLER_STICK: join(root, "stick"),
            INSTALLER_STICK_DISK: "sdz",
            INSTALLER_CONSOLES: screen,
            INSTALLER_INTERVAL: "0.05",
          },
        },
      );
      const { pid } = child;
      if (pid !== undefined) running.add(pid);
      child.on("close", () => pid !== undefined && running.delete(pid));
      // The installer opens its console for each text, as it does with a terminal.
      const reader = spawn("tail", ["-c", "+1", "-f", screen], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      let seen = "";
      const waiting = new Set<() => void>();
      reader.stdout.on("data", (part: Buffer) => {
        seen += part.toString();
        for (const look of waiting) look();
      });
      let errors = "";
      child.stderr.on("data", (part: Buffer) => {
        errors += part.toString();
      });
      const wait = async (): Promise<InstallerEnd> => {
        const [code] = (await once(child, "close")) as [number | null];
        reader.kill();
        return { status: code ?? 137, output: (await readFile(screen, "utf8")) + errors };
      };
      const ended = wait();
      return {
        ended,
        until: (text) =>
          new Promise((found, failed) => {
            const look = (): void => {
              if (!seen.includes(text)) return;
              waiting.delete(look);
              found();
            };
            waiting.add(look);
            look();
            void ended.then(() => failed(new Error(`The installer ended:\n${seen}`)));
          }),
        async type(text) {
          const file = await open(keys, "w");
          await file.write(text);
          await file.close();
        },
      };
    },
    run: () => machine.start().ended,
    async [Symbol.asyncDispose]() {
      for (const pid of running) {
        try {
          process.kill(-pid, "SIGKILL");
        } catch (error) {
          // It has ended.
          if (systemCode(error) !== "ESRCH") throw error;
        }
      }
      await rm(root, { recursive: true, force: true });
    },
  };
  return machine;
}
