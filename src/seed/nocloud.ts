/** The NoCloud seed: what cloud-init in the guest is told, on a disk. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { VmbuildError } from "../errors.js";
import { PLACEHOLDER_HOSTNAME } from "./hostname.js";
import type { BuildKeys } from "./keys.js";
import { writeTextDisk } from "./iso.js";
import { loginHook } from "./login-hook.js";
import { composeMessage } from "./mime.js";
import type { OwnPart } from "./mime.js";
import { hasUnusableHostKeys } from "./review.js";
import { parseCloudConfig, readUserData } from "./user-data.js";
import type { UserData } from "./user-data.js";

/** What a template says about its seed. Paths are absolute. */
export interface SeedPlan {
  /** The login user that the build's key lets in. */
  readonly user: string;
  /** The template's own user-data; where it is given, all of cloud-init's modules run. */
  readonly userData?: string | undefined;
  readonly networkConfig?: string | undefined;
}

/** Content of one seed. */
export interface SeedOptions extends SeedPlan {
  /** New for each build, or cloud-init takes the instance for one it knows and does nothing. */
  readonly instanceId: string;
  /** {@link PLACEHOLDER_HOSTNAME} unless given. */
  readonly hostname?: string;
  readonly keys: BuildKeys;
}

/** The three files of a NoCloud seed. */
export interface SeedFiles {
  readonly "user-data": string | Buffer;
  readonly "meta-data": string;
  readonly "network-config"?: Buffer;
}

/** The user-data of a build whose template has none; its comments say why it is so short. */
const MINIMAL = fileURLToPath(new URL("../../cloud-init/minimal.yml", import.meta.url));

const HEADER = "#cloud-config\n";

/** A user as the builds of cloud images know them: made where there is none, root without password. */
function sudoer(name: string): Record<string, unknown> {
  return { name, shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true };
}

function hostKeysOf({ host }: BuildKeys): Record<string, unknown> {
  return { ssh_keys: { ed25519_private: host.private, ed25519_public: host.public } };
}

/** What the build tells cloud-init where nobody else tells it anything. */
function accessConfig({ keys, user }: SeedOptions): Record<string, unknown> {
  const authorized = [keys.client.public];
  const users =
    user === "root"
      ? { ssh_authorized_keys: authorized }
      : { users: [{ ...sudoer(user), ssh_authorized_keys: authorized }] };
  return { disable_root: false, ssh_pwauth: false, ...users, ...hostKeysOf(keys) };
}

async function readTemplateFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new VmbuildError("TEMPLATE_INVALID", `The seed's ${path} cannot be read`, { cause });
  }
}

/** A list of the build's, put in front of the other; everything else is the build's alone. */
function mergeConfig(own: Record<string, unknown>, build: Record<string, unknown>) {
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(build)) {
    const existing: unknown = own[key];
    const both = Array.isArray(value) && Array.isArray(existing);
    merged[key] = both ? (value as unknown[]).concat(existing) : value;
  }
  return merged;
}

/** The user-data of a build without any: one cloud-config, which is all vmbuild's own. */
async function minimalUserData(options: SeedOptions): Promise<string> {
  const minimal = parseCloudConfig((await readTemplateFile(MINIMAL)).toString("utf8"), MINIMAL);
  const config = mergeConfig(minimal, accessConfig(options));
  return HEADER + stringify(config, { lineWidth: 0 });
}

/**
 * How vmbuild's cloud-config joins the one before it (cloudinit/mergers): a mapping is gone into,
 * a text takes the place of a text, and anything else that is there stays as it is.
 */
const BESIDE = "dict(no_replace,recurse_str)+str()";
/** Every key of vmbuild's takes the place of the same one before it. */
const INSTEAD = "dict(replace)";

/**
 * What is set where the user-data does not say it, and the host key. Where the user-data has
 * something else than a mapping for `ssh_keys`, no key could be put into it.
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

/** A template's own user-data as it is, and beside it what lets the build in. */
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
 * Reads a template's user-data.
 * @throws {VmbuildError} TEMPLATE_INVALID for a file that cannot be read, or that cloud-init would
 *   ignore as a whole.
 */
export async function loadUserData(path: string, name: string = path): Promise<UserData> {
  return readUserData(await readTemplateFile(path), name);
}

/** The seed's files. */
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
    ...(networkConfig === undefined
      ? {}
      : { "network-config": await readTemplateFile(networkConfig) }),
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
