/** Composes the configuration with which Ignition lets a build into a guest. */
import { readFile } from "node:fs/promises";
import { VmbuildError, messageOf } from "../errors.js";
import { PLACEHOLDER_HOSTNAME } from "./hostname.js";
import type { BuildKeys } from "./keys.js";

/**
 * Names under which Fedora CoreOS and Flatcar look for the configuration on QEMU's firmware
 * configuration device (ignition, internal/providers/qemu; flatcar-docs, migrating-from-coreos).
 * The guest ignores the other one.
 */
export const IGNITION_NAMES = ["opt/com.coreos/config", "opt/org.flatcar-linux/config"] as const;

/**
 * Version of the configuration. Ignition 2 and later read all versions from 3.0.0 on
 * (ignition, docs/examples.md).
 */
const VERSION = "3.0.0";

/** Inputs of {@link ignitionConfig}. */
interface IgnitionOptions {
  /** User that gets the build's key. */
  readonly user: string;
  readonly keys: BuildKeys;
  /** The template's own configuration. */
  readonly own?: Buffer | undefined;
}

const dataUrl = (content: string | Buffer): string =>
  `data:;base64,${Buffer.from(content).toString("base64")}`;

/** Returns a file of the guest. Ignition takes the mode in decimal. */
const file = (path: string, mode: number, content: string) => ({
  path,
  mode,
  overwrite: true,
  contents: { source: dataUrl(content) },
});

/** Returns the build's part: key, host key, host name. */
function buildConfig({ user, keys }: IgnitionOptions): Record<string, unknown> {
  const { client, host } = keys;
  return {
    ignition: { version: VERSION },
    passwd: { users: [{ name: user, sshAuthorizedKeys: [client.public] }] },
    storage: {
      files: [
        file("/etc/hostname", 0o644, `${PLACEHOLDER_HOSTNAME}\n`),
        file("/etc/ssh/ssh_host_ed25519_key", 0o600, host.private),
        file("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, `${host.public}\n`),
      ],
    },
  };
}

/**
 * Returns the whole configuration as JSON. Of merged configurations the later one wins, so the
 * build's part is the last.
 */
export function ignitionConfig(options: IgnitionOptions): string {
  const build = buildConfig(options);
  if (options.own === undefined) return JSON.stringify(build);
  const merge = [options.own, JSON.stringify(build)].map((part) => ({ source: dataUrl(part) }));
  return JSON.stringify({ ignition: { version: VERSION, config: { merge } } });
}

/**
 * Reads a template's own configuration.
 * @param name the name in messages.
 * @throws {VmbuildError} TEMPLATE_INVALID where it cannot be read, or is no configuration of
 *   version 3.
 */
export async function readIgnitionConfig(path: string, name: string = path): Promise<Buffer> {
  const invalid = (message: string, options: { cause?: unknown; hint?: string }) =>
    new VmbuildError("TEMPLATE_INVALID", `${name} ${message}`, options);
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (cause) {
    throw invalid(`cannot be read: ${messageOf(cause)}`, { cause });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString("utf8"));
  } catch (cause) {
    const hint = "A Butane configuration (YAML) is converted with `butane FILE`.";
    throw invalid(`is not JSON: ${messageOf(cause)}`, { cause, hint });
  }
  const version = (parsed as { ignition?: { version?: unknown } } | null)?.ignition?.version;
  if (typeof version === "string" && /^3\.\d+\.\d+/.test(version)) return content;
  throw invalid("is not an Ignition configuration of version 3", {
    hint: 'It has the form {"ignition": {"version": "3.0.0"}, …}; version 2 is not supported.',
  });
}
