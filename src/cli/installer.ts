/** Implements `vmbuild installer`: makes the image of a USB stick that installs an image. */
import { dirname, join, resolve } from "node:path";
import type { Manifest } from "../artifact/manifest.js";
import type { Digests } from "../artifact/digest.js";
import { findPublished } from "../builds/find-artifact.js";
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { identifier, parseSize } from "../fields.js";
import { formatBytes } from "../host/format.js";
import { MODES, isPayloadName, makeStick, stickImage } from "../stick/stick.js";
import type { Stick, StickRequest } from "../stick/stick.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface InstallerFlags extends TemplateFlags, OutputFlags {
  readonly payload?: string;
  readonly image?: string;
  readonly to?: string;
  readonly size?: string;
  readonly label: string;
  readonly mode?: string;
  readonly settings?: string;
  readonly json?: boolean;
}

/** Image to install. */
interface Payload {
  /** Absolute path. */
  readonly path: string;
  /** Checksums in hexadecimal, where they are known. */
  readonly checksums?: Partial<Digests>;
  /** Architecture of the guest, where it is known. */
  readonly arch?: string | undefined;
  /** Name of the stick. */
  readonly name: string;
  /** Absolute path of the folder in which the stick's own folder is made. */
  readonly folder: string;
  readonly secrets: readonly string[];
}

/** Returns the root disk's image that the installer recognizes. */
function installable({ files, name }: Manifest, folder: string): Manifest["files"][number] {
  const found = files.find((file) => file.disk === undefined && isPayloadName(file.name));
  if (found) return found;
  throw new VmbuildError(
    "INPUT_MISSING",
    `The finished image of ${name} in ${folder} cannot be installed from a stick`,
    {
      lines: files.map((file) => file.name),
      hint: "Build it as .qcow2, .raw, .raw.zst or .raw.gz, or give a file with --payload.",
    },
  );
}

async function payloadOf(name: string, flags: InstallerFlags): Promise<Payload> {
  if (flags.payload !== undefined) {
    if (!identifier.safeParse(name).success) {
      throw new VmbuildError("USAGE", `${JSON.stringify(name)} is not a valid name of a stick`, {
        hint: "Use letters, digits, dots, dashes and underscores.",
      });
    }
    return { path: resolve(flags.payload), name, folder: resolve("output"), secrets: [] };
  }
  const template = await loadFromFlags(name, flags);
  const { folder, manifest } = await findPublished(template, flags.image);
  const file = installable(manifest, folder);
  return {
    path: join(folder, file.name),
    checksums: file.checksums,
    arch: manifest.arch,
    name: template.name,
    folder: dirname(folder),
    secrets: template.secrets,
  };
}

type Options = Pick<StickRequest, "size" | "label" | "mode" | "settings">;

/** Returns the options of the stick. */
function optionsOf(flags: InstallerFlags): Options {
  const { label, settings } = flags;
  if (settings !== undefined && flags.mode !== undefined) {
    throw new VmbuildError("USAGE", "--mode and --settings exclude each other", {
      hint: "Set the mode in the settings file: mode = ask",
    });
  }
  const mode = MODES.find((one) => one === (flags.mode ?? "auto"));
  if (mode === undefined) {
    throw new VmbuildError("USAGE", `--mode ${flags.mode ?? ""} is not supported`, {
      hint: `Use one of: ${MODES.join(", ")}.`,
    });
  }
  const size = flags.size === undefined ? undefined : parseSize(flags.size);
  if (flags.size !== undefined && size === undefined) {
    throw new VmbuildError("USAGE", `--size ${flags.size} is not a size`, {
      hint: "Use a size such as 14G.",
    });
  }
  return { size, label, mode, settings: settings === undefined ? undefined : resolve(settings) };
}

/** Runs the command; returns the exit code. */
export async function installer(name: string, flags: InstallerFlags): Promise<number> {
  const output = createOutput(flags);
  const options = optionsOf(flags);
  const payload = await payloadOf(name, flags);
  const chosen = await requireOptionFile("--to", flags.to, payload.path);
  const target = chosen ?? stickImage(payload.folder, payload.name);
  const secrets = new Secrets();
  for (const secret of payload.secrets) secrets.add(secret);
  const bus = createBus("", secrets, [await output.createSink()]);
  const { path, checksums, arch } = payload;
  const request = { payload: path, checksums, arch, target, ...options };
  let stick: Stick;
  try {
    stick = await interruptible((signal) => makeStick(request, { emit: bus.emit, signal }));
  } finally {
    await bus.close();
  }
  if (flags.json) output.printJson(stick);
  else output.print(`${stick.path} (${formatBytes(stick.size)}): installs ${stick.payload.name}`);
  return 0;
}
