/** Lists all kinds of seed. A new one is a file in `kinds/` and a line in {@link SEED_KINDS}. */
import { z } from "zod";
import type { Seed, SeedContext, SeedFile, SeedKind, SeedText } from "./kind.js";
import { cloudInitSeed } from "./kinds/cloud-init.js";
import { ignitionSeed } from "./kinds/ignition.js";
import { noSeed } from "./kinds/none.js";
import { openNebulaSeed } from "./kinds/opennebula.js";

/** All kinds; the first is the default. */
const SEED_KINDS = [cloudInitSeed, openNebulaSeed, ignitionSeed, noSeed] as const;

const names = SEED_KINDS.map(({ name }) => name);

/** Schema of the `seed` section, with the fields of all kinds. */
export const seedSchema = z
  .strictObject({
    kind: z
      .enum(names)
      .optional()
      .describe(
        "cloud-init: a NoCloud disk; opennebula: a CONTEXT disk, for bases with one-context; " +
          "ignition: for Flatcar and Fedora CoreOS; none: the base itself lets the build in. If " +
          "omitted, cloud-init, but a bootstrapped base with systemd 252 or later gets the keys from " +
          "systemd credentials, without waiting for cloud-init",
      ),
    ...cloudInitSeed.fields,
    ...openNebulaSeed.fields,
    ...ignitionSeed.fields,
    ...noSeed.fields,
  })
  .superRefine((seed, context) => {
    const own = kindOf(seed);
    for (const [key, value] of Object.entries(seed)) {
      const owner = SEED_KINDS.find(({ fields }) => Object.hasOwn(fields, key));
      if (value === undefined || owner === undefined || owner.name === own.name) continue;
      const message =
        seed.kind === undefined
          ? `belongs to another kind of seed; add "kind": "${owner.name}"`
          : `belongs to the kind ${owner.name}, and this seed has the kind ${own.name}`;
      context.addIssue({ code: "custom", path: [key], message });
    }
  })
  .describe("how the guest gets the build's keys at its first boot");

/** Settings of a seed in a template. */
export type SeedSettings = z.infer<typeof seedSchema>;

type AnySeedKind = SeedKind<z.ZodRawShape>;

function kindOf({ kind }: { readonly kind?: string | undefined }): AnySeedKind {
  const kinds: readonly AnySeedKind[] = SEED_KINDS;
  const found = kinds.find(({ name }) => name === (kind ?? cloudInitSeed.name));
  if (!found) throw new Error(`there is no kind of seed ${kind}`);
  return found;
}

/** Returns whether the settings give a guest more than the build's keys. */
export function hasSeedContent(settings: SeedSettings): boolean {
  return Object.entries(settings).some(([key, value]) => key !== "kind" && value !== undefined);
}

/** Returns whether the template leaves the choice of the seed to vmbuild. */
export function isSeedUnset(settings: SeedSettings): boolean {
  return settings.kind === undefined && !hasSeedContent(settings);
}

/** Returns the name of the kind that the settings choose. */
export function seedKindName(settings: SeedSettings): string {
  return kindOf(settings).name;
}

/**
 * Returns the problems of settings together with the rest of the template.
 * @param context `baseLetsIn`: the base accepts other credentials than the build's key.
 */
export function seedProblems(
  settings: SeedSettings,
  { user, baseLetsIn }: { readonly user: string; readonly baseLetsIn: boolean },
): readonly { readonly key: readonly string[]; readonly message: string }[] {
  const kind = kindOf(settings);
  const problems = kind.problems(settings, { user });
  if (kind.letsIn || baseLetsIn) return problems;
  const message = `nothing lets the build in: the kind ${kind.name} gives the guest no key; add ssh.password or ssh.privateKey, or choose another kind`;
  return [...problems, { key: ["kind"], message }];
}

/** Returns the files that the settings name. */
export function seedFiles(
  settings: SeedSettings,
  context: Pick<SeedContext, "folder" | "user">,
): readonly SeedFile[] {
  return kindOf(settings).files(settings, context);
}

/** Returns the texts of the settings that are secrets whatever they come from. */
export function seedSecrets(settings: SeedSettings): readonly SeedText[] {
  return kindOf(settings).secrets(settings);
}

/** Returns the seed that the settings describe. */
export function seedOf(settings: SeedSettings, context: SeedContext): Seed {
  return kindOf(settings).plan(settings, context);
}
