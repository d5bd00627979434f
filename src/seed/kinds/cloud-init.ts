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
import { composeSeed, loadUserData, readSeedFile, writeSeed } from "../nocloud.js";
import type { SeedFileSource, SeedPlan } from "../nocloud.js";
import { reviewUserData } from "../review.js";

/** Rule for users that cloud-init's configuration creates (cloudinit/distros/__init__.py). */
const CLOUD_INIT_RULE = "/etc/sudoers.d/90-cloud-init-users";

/** Returns the field of a file that is given by its path or its content. */
function fileField(description: string) {
  return z
    .union(
      [
        hostPath(z.string()),
        z.strictObject({ content: z.string().describe("content of the file") }),
      ],
      { error: "a file of the seed is a path, or {content}" },
    )
    .optional()
    .describe(description);
}

const fields = {
  userData: fileField(
    "cloud-init: path of a user-data file in any format that cloud-init accepts, passed on " +
      "unchanged; all of cloud-init's modules then run, and the build waits for them. Or its " +
      "content, as { content }",
  ),
  networkConfig: fileField(
    "cloud-init: path of a network-config file, or its content, as { content }",
  ),
};

type Settings = z.infer<z.ZodObject<typeof fields>>;

const pathOf = (source: SeedFileSource): string | undefined =>
  typeof source === "string" ? source : undefined;

function planFiles(
  settings: Settings,
  { folder, user }: Pick<SeedContext, "folder" | "user">,
): SeedPlan {
  const inFolder = (file: Settings["userData"]): SeedFileSource | undefined =>
    typeof file === "string" ? resolve(folder, file) : file;
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

function wayOf({ userData }: Settings): string {
  if (userData === undefined) return "with vmbuild's own configuration only";
  return typeof userData === "string" ? userData : "with the template's user-data";
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
    const plan = planFiles({ userData, networkConfig }, { folder, user });
    if (plan.userData !== undefined) {
      const source = plan.userData;
      const review: SeedFile["review"] = async (name) =>
        reviewUserData(await loadUserData(source, name), user).map(({ level, message }) => ({
          level,
          message: `${name}: ${message}`,
        }));
      files.push({ key: "userData", path: pathOf(source), review });
    }
    if (plan.networkConfig !== undefined) {
      const source = plan.networkConfig;
      const review: SeedFile["review"] = async (name) =>
        reviewNetworkConfig(await readSeedFile(source), name);
      files.push({ key: "networkConfig", path: pathOf(source), review });
    }
    return files;
  },
  plan(settings, context) {
    const plan = planFiles(settings, context);
    const hasOwnRule = plan.userData !== undefined || context.hasOwnCredentials;
    return {
      way: `cloud-init, ${wayOf(settings)}`,
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
