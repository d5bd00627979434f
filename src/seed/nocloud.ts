/** The NoCloud seed: what cloud-init in the guest is told, on a disk. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseDocument, stringify } from "yaml";
import { VmbuildError, messageOf } from "../errors.js";
import { PLACEHOLDER_HOSTNAME } from "./hostname.js";
import type { BuildKeys } from "./keys.js";
import { writeTextDisk } from "./iso.js";

/** What a seed says. Paths are absolute. */
export interface SeedOptions {
  /** New for each build, or cloud-init takes the instance for one it knows and does nothing. */
  readonly instanceId: string;
  /** {@link PLACEHOLDER_HOSTNAME} unless given. */
  readonly hostname?: string;
  /** Who is to be let in by the build's key. */
  readonly user: string;
  readonly keys: BuildKeys;
  /** The template's own files; with user-data, all of cloud-init's modules run. */
  readonly userData?: string | undefined;
  readonly networkConfig?: string | undefined;
}

/** The three files of a NoCloud seed. */
export interface SeedFiles {
  readonly "user-data": string;
  readonly "meta-data": string;
  readonly "network-config"?: string;
}

/** The user-data of a build whose template has none; its comments say why it is so short. */
const MINIMAL = fileURLToPath(new URL("../../cloud-init/minimal.yml", import.meta.url));

const HEADER = "#cloud-config\n";

/** A user as the builds of cloud images know them: made where there is none, root without password. */
function sudoer(name: string): Record<string, unknown> {
  return { name, shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true };
}

/** What the build itself tells cloud-init, in either case. */
function buildConfig(options: SeedOptions): Record<string, unknown> {
  const { client, host } = options.keys;
  const authorized = [client.public];
  const users =
    options.user === "root"
      ? { ssh_authorized_keys: authorized }
      : { users: [{ ...sudoer(options.user), ssh_authorized_keys: authorized }] };
  return {
    disable_root: false,
    ssh_pwauth: false,
    ...users,
    ssh_keys: { ed25519_private: host.private, ed25519_public: host.public },
  };
}

async function readTemplateFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new VmbuildError("TEMPLATE_INVALID", `The seed's ${path} cannot be read`, { cause });
  }
}

/** A list of the build's, put in front of the template's; everything else is the build's alone. */
function mergeConfig(own: Record<string, unknown>, build: Record<string, unknown>) {
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(build)) {
    const existing: unknown = own[key];
    const both = Array.isArray(value) && Array.isArray(existing);
    merged[key] = both ? (value as unknown[]).concat(existing) : value;
  }
  return merged;
}

/**
 * Parses a template's user-data.
 * @throws {VmbuildError} TEMPLATE_INVALID when it is not a cloud-config mapping.
 */
export function parseUserData(text: string, path: string): Record<string, unknown> {
  const problem = (message: string, lines: string[] = []): VmbuildError =>
    new VmbuildError("TEMPLATE_INVALID", `${path}: ${message}`, {
      lines,
      hint: "vmbuild adds its keys to the user-data, so it has to be a #cloud-config mapping.",
    });
  if (!/^#cloud-config(\s|$)/.test(text)) throw problem("does not begin with #cloud-config");
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    throw problem(
      "is not YAML",
      document.errors.map((error) => error.message),
    );
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or one that grows without bounds.
    throw problem("is not YAML", [messageOf(error)]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw problem("is not a mapping");
  }
  return value as Record<string, unknown>;
}

/** The seed's files as text. */
export async function composeSeed(options: SeedOptions): Promise<SeedFiles> {
  const build = buildConfig(options);
  const path = options.userData ?? MINIMAL;
  const config = mergeConfig(parseUserData(await readTemplateFile(path), path), build);
  const metaData = {
    "instance-id": options.instanceId,
    "local-hostname": options.hostname ?? PLACEHOLDER_HOSTNAME,
  };
  return {
    "user-data": HEADER + stringify(config, { lineWidth: 0 }),
    "meta-data": stringify(metaData),
    ...(options.networkConfig === undefined
      ? {}
      : { "network-config": await readTemplateFile(options.networkConfig) }),
  };
}

/** Writes the seed disk to `destination`, 0600: it holds the host's private key. */
export async function writeSeed(
  options: SeedOptions,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  await writeTextDisk({ ...(await composeSeed(options)) }, "CIDATA", destination, signal);
}
