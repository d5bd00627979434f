/** Creates the NoCloud seed disk, which configures cloud-init in the guest. */
import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import { VmbuildError } from "../errors.js";
import { packageFile } from "../host/package-files.js";
import { PLACEHOLDER_HOSTNAME } from "./hostname.js";
import type { BuildKeys } from "./keys.js";
import { writeTextDisk } from "./iso.js";
import { loginHook } from "./login-hook.js";
import { composeMessage } from "./mime.js";
import type { OwnPart } from "./mime.js";
import { hasUnusableHostKeys } from "./review.js";
import { parseCloudConfig, readUserData } from "./user-data.js";
import type { UserData } from "./user-data.js";

/** File of a seed: its absolute path, or its content. */
export type SeedFileSource = string | { readonly content: string };

/** What a template says about its seed. Paths are absolute. */
export interface SeedPlan {
  /** User that logs in with the build's key. */
  readonly user: string;
  /** User-data of the template. With it, all of cloud-init's modules run. */
  readonly userData?: SeedFileSource | undefined;
  readonly networkConfig?: SeedFileSource | undefined;
}

/** Content of one seed. */
export interface SeedOptions extends SeedPlan {
  /** Unique for each build: cloud-init does nothing for an instance that it already knows. */
  readonly instanceId: string;
  /** Host name; {@link PLACEHOLDER_HOSTNAME} unless given. */
  readonly hostname?: string;
  readonly keys: BuildKeys;
}

/** Files of a NoCloud seed. */
export interface SeedFiles {
  readonly "user-data": string | Buffer;
  readonly "meta-data": string;
  readonly "network-config"?: Buffer;
}

/** User-data for templates without their own; its comments explain why it is so short. */
const MINIMAL = packageFile("cloud-init/minimal.yml");

const HEADER = "#cloud-config\n";

/** Returns a user as in cloud images: created if missing, with sudo without a password. */
function sudoer(name: string): Record<string, unknown> {
  return { name, shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true };
}

function hostKeysOf({ host }: BuildKeys): Record<string, unknown> {
  return { ssh_keys: { ed25519_private: host.private, ed25519_public: host.public } };
}

/** Returns the configuration of cloud-init for templates without user-data. */
function accessConfig({ keys, user }: SeedOptions): Record<string, unknown> {
  const authorized = [keys.client.public];
  const users =
    user === "root"
      ? { ssh_authorized_keys: authorized }
      : { users: [{ ...sudoer(user), ssh_authorized_keys: authorized }] };
  return { disable_root: false, ssh_pwauth: false, ...users, ...hostKeysOf(keys) };
}

/**
 * Reads a file of a seed.
 * @throws {VmbuildError} TEMPLATE_INVALID if it cannot be read.
 */
export async function readSeedFile(path: SeedFileSource): Promise<Buffer> {
  if (typeof path !== "string") return Buffer.from(path.content);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new VmbuildError("TEMPLATE_INVALID", `The seed's ${path} cannot be read`, { cause });
  }
}

/**
 * Prepends the build's lists to the existing ones. Other values of the build replace existing ones.
 */
function mergeConfig(own: Record<string, unknown>, build: Record<string, unknown>) {
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(build)) {
    const existing: unknown = own[key];
    const both = Array.isArray(value) && Array.isArray(existing);
    merged[key] = both ? (value as unknown[]).concat(existing) : value;
  }
  return merged;
}

/** Returns the user-data of a template that has none: one cloud-config by vmbuild. */
async function minimalUserData(options: SeedOptions): Promise<string> {
  const minimal = parseCloudConfig((await readSeedFile(MINIMAL)).toString("utf8"), MINIMAL);
  const config = mergeConfig(minimal, accessConfig(options));
  return HEADER + stringify(config, { lineWidth: 0 });
}

/**
 * Merge strategy that adds vmbuild's cloud-config to the previous one (cloudinit/mergers): mappings
 * are merged, strings are replaced, and other existing values are kept.
 */
const BESIDE = "dict(no_replace,recurse_str)+str()";
/** Merge strategy in which each key of vmbuild's replaces the previous value. */
const INSTEAD = "dict(replace)";

/**
 * Returns vmbuild's settings for keys that the user-data does not set, and the host key. If
 * `ssh_keys` of the user-data is not a mapping, the host key cannot be merged into it.
 */
function ownConfig({ keys }: SeedOptions, userData: UserData): OwnPart[] {
  const unset = { merge_how: BESIDE, disable_root: false, ssh_pwauth: false };
  const hostKeys = hostKeysOf(keys);
  const parts = hasUnusableHostKeys(userData)
    ? [unset, { merge_how: INSTEAD, ...hostKeys }]
    : [{ ...unset, ...hostKeys }];
  return parts.map((part, index) => ({
    filename: index === 0 ? "vmbuild.yaml" : `vmbuild-${index + 1}.yaml`,
    type: "text/cloud-config",
    text: HEADER + stringify(part, { lineWidth: 0 }),
  }));
}

/** Combines a template's user-data, unchanged, with the parts that grant the build access. */
function joinedUserData(options: SeedOptions, userData: UserData): Buffer {
  const { user, keys } = options;
  return composeMessage(userData, [
    {
      filename: "vmbuild-login",
      type: "text/cloud-boothook",
      text: loginHook(user, keys.client.public),
    },
    ...ownConfig(options, userData),
  ]);
}

/**
 * Loads a template's user-data.
 * @throws {VmbuildError} TEMPLATE_INVALID for a file that cannot be read or that cloud-init would
 *   ignore completely.
 */
export async function loadUserData(
  file: SeedFileSource,
  name: string = typeof file === "string" ? file : "seed.userData",
): Promise<UserData> {
  return readUserData(await readSeedFile(file), name);
}

/** Composes the files of a seed. */
export async function composeSeed(options: SeedOptions): Promise<SeedFiles> {
  const { userData, networkConfig } = options;
  const metaData = {
    "instance-id": options.instanceId,
    "local-hostname": options.hostname ?? PLACEHOLDER_HOSTNAME,
  };
  return {
    "user-data":
      userData === undefined
        ? await minimalUserData(options)
        : joinedUserData(options, await loadUserData(userData)),
    "meta-data": stringify(metaData),
    ...(networkConfig === undefined ? {} : { "network-config": await readSeedFile(networkConfig) }),
  };
}

/**
 * Writes the seed disk to `destination` with mode 0600, because it contains the private host key.
 */
export async function writeSeed(
  options: SeedOptions,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  await writeTextDisk({ ...(await composeSeed(options)) }, "CIDATA", destination, signal);
}
