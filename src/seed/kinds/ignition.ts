/** Seed for Ignition: a configuration that QEMU hands over by its firmware configuration device. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../../fields.js";
import { writeFileAtomic } from "../../host/files.js";
import { IGNITION_NAMES, ignitionConfig, readIgnitionConfig } from "../ignition.js";
import { SEAL_WARNING, defineSeedKind } from "../kind.js";
import { SUDO_RULE } from "../login-hook.js";

const fields = {
  config: hostPath(
    z
      .string()
      .optional()
      .describe(
        "ignition: path of an Ignition configuration of version 3 (JSON), which applies as well",
      ),
  ),
};

/** User of both systems, which may run all commands with sudo. */
const USER = "core";

/**
 * Requests a first boot again: without it, Ignition does not run in machines made from the image.
 * Flatcar looks for the first file, Fedora CoreOS for the second
 * (coreos-installer, docs/customizing-install.md; flatcar-docs, provisioning/ignition).
 */
const FIRST_BOOT_SCRIPT = `
request_first_boot() {
  if [ -d /boot/flatcar ]; then flag=/boot/flatcar/first_boot
  elif [ -e /run/ostree-booted ]; then flag=/boot/ignition.firstboot
  else return 1
  fi
  : >"$flag" || { mount -o remount,rw /boot && : >"$flag"; }
} 2>/dev/null
request_first_boot || echo ${SEAL_WARNING} Ignition will not run at the first boot of the image, because its flag could not be set
`;

/** Configuration for Flatcar and Fedora CoreOS. */
export const ignitionSeed = defineSeedKind({
  name: "ignition",
  fields,
  letsIn: true,
  problems(_settings, { user }) {
    if (user === USER) return [];
    const message = `Ignition lets the build in as ${USER}; add "ssh": { "user": "${USER}" }`;
    return [{ key: ["kind"], message }];
  },
  files({ config }, { folder }) {
    if (config === undefined) return [];
    const path = resolve(folder, config);
    const review = async (name: string) => {
      await readIgnitionConfig(path, name);
      return [];
    };
    return [{ key: "config", path, review }];
  },
  secrets: () => [],
  plan({ config }, { folder, user, hasOwnCredentials }) {
    const path = config === undefined ? undefined : resolve(folder, config);
    const own = async () => (path === undefined ? undefined : readIgnitionConfig(path));
    return {
      way: `Ignition, ${config ?? "with vmbuild's own configuration only"}`,
      media: { firmwareNames: IGNITION_NAMES },
      givesHostKey: true,
      appliesAtEachBoot: false,
      setup: "",
      sudoRules: hasOwnCredentials ? [SUDO_RULE] : [],
      timeoutHint:
        "Check that the base runs Ignition with configurations of version 3, and that it has never been booted: Ignition runs at the first boot only.",
      sealScript: () => FIRST_BOOT_SCRIPT,
      async describe() {
        const pair = { private: "private", public: "public" };
        const text = ignitionConfig({ user, keys: { client: pair, host: pair }, own: await own() });
        return { "seed ignition": `sha256:${createHash("sha256").update(text).digest("hex")}` };
      },
      async write(keys, destination) {
        const text = ignitionConfig({ user, keys, own: await own() });
        await writeFileAtomic(destination, text, 0o600);
      },
    };
  },
});
