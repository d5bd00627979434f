/** Seed for cloud-init: a NoCloud disk. */
import { createHash, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../../fields.js";
import { defineSeedKind } from "../kind.js";
import type { SeedContext, SeedFile } from "../kind.js";
import { SUDO_RULE } from "../login-hook.js";
import { NOCLOUD_MEDIA } from "../media.js";
import { reviewNetworkConfig } from "../network-config.js";
import { composeSeed, loadUserData, writeSeed } from "../nocloud.js";
import type { SeedPlan } from "../nocloud.js";
import { reviewUserData } from "../review.js";

/** Rule for users that cloud-init's configuration creates (cloudinit/distros/__init__.py). */
const CLOUD_INIT_RULE = "/etc/sudoers.d/90-cloud-init-users";

const fields = {
  userData: hostPath(
    z
      .string()
      .optional()
      .describe(
        "cloud-init: path of a user-data file in any format that cloud-init accepts, passed on " +
          "unchanged; all of cloud-init's modules then run, and the build waits for them",
      ),
  ),
  networkConfig: hostPath(
    z.string().optional().describe("cloud-init: path of a network-config file"),
  ),
};

type Settings = z.infer<z.ZodObject<typeof fields>>;

function planFiles(settings: Settings, { folder, user }: SeedContext): SeedPlan {
  const inFolder = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  return {
    user,
    userData: inFolder(settings.userData),
    networkConfig: inFolder(settings.networkConfig),
  };
}

/** Describes the files without the keys and the instance ID, which are new in each run. */
async function describeFiles(plan: SeedPlan): Promise<Record<string, string>> {
  const pair = { private: "private", public: "public" };
  const keys = { client: pair, host: pair };
  const files = await composeSeed({ ...plan, instanceId: "instance", keys });
  return Object.fromEntries(
    Object.entries(files as unknown as Record<string, string | Buffer>).map(([name, text]) => [
      `seed ${name}`,
      `sha256:${createHash("sha256").update(text).digest("hex")}`,
    ]),
  );
}

/** NoCloud disk, which any base with cloud-init reads. */
export const cloudInitSeed = defineSeedKind({
  name: "cloud-init",
  fields,
  letsIn: true,
  problems: () => [],
  secrets: () => [],
  files({ userData, networkConfig }, { folder, user }) {
    const files: SeedFile[] = [];
    if (userData !== undefined) {
      const path = resolve(folder, userData);
      const review: SeedFile["review"] = async (name) =>
        reviewUserData(await loadUserData(path, name), user).map(({ level, message }) => ({
          level,
          message: `${name}: ${message}`,
        }));
      files.push({ key: "userData", path, review });
    }
    if (networkConfig !== undefined) {
      const path = resolve(folder, networkConfig);
      files.push({ key: "networkConfig", path, review: (name) => reviewNetworkConfig(path, name) });
    }
    return files;
  },
  plan(settings, context) {
    const plan = planFiles(settings, context);
    const hasOwnRule = plan.userData !== undefined || context.hasOwnCredentials;
    return {
      way: `cloud-init, ${settings.userData ?? "with vmbuild's own configuration only"}`,
      media: NOCLOUD_MEDIA,
      givesHostKey: true,
      waitsFor: plan.userData === undefined ? undefined : "cloud-init",
      appliesAtEachBoot: false,
      setup: "",
      // The base or the user-data may have rules for other users in cloud-init's file.
      sudoRules: [hasOwnRule ? SUDO_RULE : CLOUD_INIT_RULE],
      sealScript: () => "",
      describe: () => describeFiles(plan),
      write: (keys, destination, signal) =>
        writeSeed({ ...plan, instanceId: `vmbuild-${randomUUID()}`, keys }, destination, signal),
    };
  },
});
