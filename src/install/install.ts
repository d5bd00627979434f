/** Carries out one installation: from its plan to a disk with an installed system. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Emit } from "../events/types.js";
import type { InputContext } from "../inputs/inputs.js";
import { copyToDisk } from "../machine/copy-disk.js";
import type { DiskSource } from "../machine/copy-disk.js";
import { createDisk } from "../machine/disk.js";
import { copyVariables } from "../machine/firmware.js";
import type { UefiFirmware } from "../machine/firmware.js";
import type { MachineFiles } from "../machine/shape.js";
import type { KeyPair } from "../seed/keys.js";
import { describeRequest } from "./failure.js";
import { fillFile, filesMention, loadFiles } from "./files.js";
import type { FileContext, LoadedFiles } from "./files.js";
import { serveGuest } from "./http-server.js";
import type { HttpRequest } from "./http-server.js";
import { fetchMedia, provideBootFile, writeMedia } from "./media.js";
import type { FetchedMedia, LoadedMedium } from "./media.js";
import { fillValues, mentions } from "./references.js";
import type { InstallValues } from "./references.js";
import { runInstaller } from "./run-installer.js";
import type { InstallerMachine } from "./run-installer.js";
import type { InstallDefinition } from "./schema.js";

/** Installation with all of its files loaded, before anything is started. */
export interface InstallPlan {
  readonly definition: InstallDefinition;
  readonly fetched: FetchedMedia;
  readonly media: readonly LoadedMedium[];
  readonly httpFiles: LoadedFiles;
  /** Absolute paths. */
  readonly httpFolders: readonly string[];
  /** True when a file or the command line contains `${ssh.publicKey}`. */
  readonly usesKey: boolean;
}

/** Fetches and loads the files of an installation. Throws like {@link fetchMedia} and `loadFiles`. */
export async function planInstall(
  definition: InstallDefinition,
  context: InputContext & FileContext,
): Promise<InstallPlan> {
  const { http, commandLine = "", bootCommand } = definition;
  // A file that cannot be read is reported before a large image is downloaded.
  const httpFiles = await loadFiles(http?.files ?? {}, context);
  const media = await Promise.all(
    definition.media.map(async (medium) => ({
      label: medium.label,
      isFloppy: "floppy" in medium,
      files: await loadFiles(medium.files, context),
    })),
  );
  const usesKey =
    [httpFiles, ...media.map(({ files }) => files)].some((files) =>
      filesMention(files, "ssh.publicKey"),
    ) ||
    [commandLine, ...bootCommand].some(
      (text) => typeof text === "string" && mentions(text, "ssh.publicKey"),
    );
  const fetched = await fetchMedia(definition, context);
  const httpFolders = (http?.folders ?? []).map((path) => resolve(context.templateFolder, path));
  return { definition, fetched, media, httpFiles, httpFolders, usesKey };
}

/** Where and with what an installation is carried out. Paths are absolute, sizes bytes. */
export interface InstallWork {
  /** Private folder for all files. */
  readonly folder: string;
  /** Size of the disk. */
  readonly disk: number;
  /** Image that the disk is a copy of; the disk is empty without one. */
  readonly image: DiskSource | undefined;
  readonly machine: InstallerMachine;
  readonly uefi: UefiFirmware | undefined;
  /** Key pair for `${ssh.publicKey}`, where the plan uses it. */
  readonly key: KeyPair | undefined;
}

/** Where an installation reports to, and what ends it. */
interface InstallContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Results of an installation. Paths are absolute. */
export interface InstallResult {
  /** qcow2 disk with the installed system. */
  readonly disk: string;
  /** UEFI variable store, where the machine has UEFI. */
  readonly variables: string | undefined;
  /** Answered HTTP requests, one line each. */
  readonly requests: readonly string[];
}

/** Starts the HTTP server. Its requests go to the log; files that it does not have are noted. */
function serve(
  plan: InstallPlan,
  values: () => InstallValues,
  requests: HttpRequest[],
  emit: Emit,
) {
  const noted = new Set<string>();
  return serveGuest({
    folders: plan.httpFolders,
    file(path) {
      const content = plan.httpFiles.get(path);
      return content && fillFile(content, values());
    },
    onRequest(request) {
      requests.push(request);
      const line = describeRequest(request);
      emit({ type: "output", source: "http", stream: "stdout", line });
      if (request.status !== 404 || noted.has(request.path)) return;
      noted.add(request.path);
      const message = `The installer asked for ${request.path}, which base.install.http does not have`;
      emit({ type: "note", message });
    },
  });
}

async function writeMachineFiles(
  plan: InstallPlan,
  { folder, disk: size, image, uefi }: InstallWork,
  values: InstallValues,
  { emit, signal }: InstallContext,
): Promise<Omit<MachineFiles, "qmpSocket" | "sshPort" | "forwards" | "console">> {
  const { definition, fetched } = plan;
  const disk = join(folder, "disk.qcow2");
  if (image === undefined) await createDisk(disk, size, signal);
  else await copyToDisk(image, { path: disk, size, emit, signal });
  const content = join(folder, "media");
  await mkdir(content, { mode: 0o700 });
  const written = await writeMedia(plan.media, values, content, signal);
  const boot = { definition, fetched };
  const kernel = await provideBootFile("kernel", boot, folder, signal);
  const initrd = await provideBootFile("initrd", boot, folder, signal);
  const commandLine = fillValues(definition.commandLine ?? "", values);
  const iso = fetched.get("iso")?.path;
  const variables = join(folder, "efivars.fd");
  if (uefi) await copyVariables(uefi, variables);
  return {
    disk,
    readOnlyDisks: [],
    cds: [...(iso === undefined ? [] : [iso]), ...written.cds],
    cdBus: definition.cdBus,
    ...(written.floppy ? { floppy: written.floppy } : {}),
    ...(kernel === undefined
      ? {}
      : { kernel: { kernel, commandLine, ...(initrd === undefined ? {} : { initrd }) } }),
    ...(uefi ? { firmware: { code: uefi.code, variables } } : {}),
  };
}

/**
 * Installs a system. All files are in the given folder; the caller moves what it keeps.
 * @throws {VmbuildError} BASE_INSTALL; codes of machines.
 */
export async function install(
  plan: InstallPlan,
  work: InstallWork,
  { emit, signal }: InstallContext,
): Promise<InstallResult> {
  const requests: HttpRequest[] = [];
  await using http = await serve(plan, () => values, requests, emit);
  // Nothing asks the server before the machine has its address.
  const values: InstallValues = {
    "http.url": http.url,
    "http.address": http.url.replace(/^http:\/\//, ""),
    "ssh.publicKey": work.key?.public ?? "",
  };
  const files = await writeMachineFiles(plan, work, values, { emit, signal });
  const { definition } = plan;
  const { machine } = work;
  await runInstaller({ definition, machine, files, values, requests, emit, signal });
  return {
    disk: files.disk,
    variables: files.firmware?.variables,
    requests: requests.map(describeRequest),
  };
}
