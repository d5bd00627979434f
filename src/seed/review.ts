/** Reviews a template's user-data for settings that behave differently during a build. */
import { parseCloudConfig } from "./user-data.js";
import type { UserData } from "./user-data.js";
import { parseDocument } from "yaml";

/**
 * Remark about user-data, phrased to follow the file's name. A `problem` would make every build
 * fail.
 */
export interface Remark {
  readonly level: "problem" | "warning" | "note";
  readonly message: string;
}

type Config = Readonly<Record<string, unknown>>;

/** Returns the cloud-configs in user-data, as far as they can be read without the guest. */
function configsOf({ content, kind }: UserData): Config[] {
  const text = content.toString("utf8");
  if (kind === "cloud-config") return [parseCloudConfig(text, "user-data")];
  // A Jinja template may be valid YAML before it is rendered.
  const texts = kind === "archive" ? archived(text) : kind === "jinja" ? [text] : [];
  return texts.flatMap((one) => {
    try {
      return [parseCloudConfig(one, "user-data")];
    } catch {
      // The content is known only after rendering in the guest.
      return [];
    }
  });
}

/** Returns the cloud-configs among the entries of an archive. */
function archived(text: string): string[] {
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false, logLevel: "error" });
  if (document.errors.length > 0) return [];
  const entries: unknown = document.toJS();
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    if (typeof entry === "string") return entry.startsWith("#cloud-config") ? [entry] : [];
    if (typeof entry !== "object" || entry === null) return [];
    const { type = "text/cloud-config", content } = entry as Record<string, unknown>;
    return type === "text/cloud-config" && typeof content === "string" ? [content] : [];
  });
}

const isMapping = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Returns whether cloud-init treats a value as true (cloudinit/util.py, TRUE_STRINGS). */
const isTrue = (value: unknown): boolean =>
  value === true || ["true", "1", "on", "yes"].includes(String(value).toLowerCase());

/** Returns whether `ssh_keys` of the user-data is known not to be a mapping. */
export function hasUnusableHostKeys(userData: UserData): boolean {
  return configsOf(userData).some(({ ssh_keys: keys }) => keys !== undefined && !isMapping(keys));
}

function hostKeys(config: Config): Remark[] {
  const remarks: Remark[] = [];
  const keys = config["ssh_keys"];
  const isReplaced = isMapping(keys)
    ? Object.keys(keys).some((name) => name.startsWith("ed25519_"))
    : keys !== undefined;
  if (isReplaced) {
    remarks.push({
      level: "warning",
      message:
        "ssh_keys: during the build, its own ed25519 host key replaces yours, and the seal removes " +
        "it. To include a host key in the image, write it in a step.",
    });
  }
  if (config["ssh_genkeytypes"] !== undefined) {
    remarks.push({
      level: "warning",
      message:
        "ssh_genkeytypes: no host keys are generated during the build, which provides its own. Those " +
        "of the image are generated at its first boot.",
    });
  }
  return remarks;
}

function modules(config: Config): Remark[] {
  const list = config["cloud_init_modules"];
  if (!Array.isArray(list)) return [];
  const names = list.map((entry: unknown) => (Array.isArray(entry) ? String(entry[0]) : entry));
  if (names.includes("ssh")) return [];
  return [
    {
      level: "warning",
      message:
        "cloud_init_modules: without the ssh module the guest does not use the build's host key, and the " +
        "build fails with GUEST_HOST_KEY or GUEST_TIMEOUT.",
    },
  ];
}

function access(config: Config, user: string): Remark[] {
  const remarks: Remark[] = [];
  if (user === "root" && config["disable_root"] !== undefined && isTrue(config["disable_root"])) {
    remarks.push({
      level: "note",
      message:
        "disable_root: this applies to the keys in the user-data; the build logs in as root with a " +
        "key of its own, which the seal removes.",
    });
  }
  const keys = config["ssh_authorized_keys"];
  if (keys !== undefined && !Array.isArray(keys)) {
    remarks.push({
      level: "warning",
      message:
        "ssh_authorized_keys is not a list, so cloud-init ignores it. Write each key as " +
        "an entry: `ssh_authorized_keys: [ssh-ed25519 …]`.",
    });
  }
  return remarks;
}

/** Reports `power_state`, which powers off or restarts the guest (cc_power_state_change). */
function powerState(config: Config): Remark[] {
  const state = config["power_state"];
  if (!isMapping(state) || state["condition"] === false) return [];
  const { mode } = state;
  if (mode !== "poweroff" && mode !== "halt") return [];
  const isCertain = state["condition"] === undefined || state["condition"] === true;
  return [
    {
      level: isCertain ? "problem" : "warning",
      message:
        `power_state: mode ${mode} powers the guest off before the first step. Remove it: ` +
        "vmbuild powers the guest off after the last step.",
    },
  ];
}

/**
 * Reports the settings of user-data that the build overrides, and those that would end it.
 * @param user `ssh.user` of the template.
 */
export function reviewUserData(userData: UserData, user: string): Remark[] {
  const configs = configsOf(userData);
  const remarks = configs.flatMap((config) => [
    ...hostKeys(config),
    ...modules(config),
    ...access(config, user),
    ...powerState(config),
  ]);
  if (userData.kind === "empty") {
    remarks.push({
      level: "warning",
      message: "The user-data is empty: cloud-init applies only the configuration of the base.",
    });
  }
  return remarks;
}
