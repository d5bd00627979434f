/** Caches bootstrapped bases, which all builds with the same key share. */
import { z } from "zod";
import type { Emit } from "../events/types.js";
import { DEFAULT_ARCHITECTURE } from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { hashFile } from "../inputs/digest.js";
import { bootstrapBase, bootstrapKey, describeBootstrap } from "./bootstrap/bootstrap.js";
import type { BootstrapSpec } from "./bootstrap/bootstrap.js";
import { cachedImagePath, findCachedImage, getCachedImage } from "./cached-image.js";
import type { BaseSystem } from "./kind.js";

/** Cached base. */
export interface CachedBase {
  readonly path: string;
  /** sha256 of the image, in hex. */
  readonly digest: string;
  readonly system: BaseSystem | undefined;
}

/** Inputs of {@link resolveBootstrap} besides the spec. */
export interface BootstrapCacheContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const recordSchema = z.object({
  digest: z.string(),
  facts: z.object({ packages: z.array(z.string()) }).optional(),
});

/** Returns the facts about the system from the record of its packages, as `name=version`. */
export function systemOf(packages: readonly string[]): BaseSystem | undefined {
  const systemd = packages
    .map((entry) => /^systemd=(?:\d+:)?(\d+)/.exec(entry)?.[1])
    .find((version) => version !== undefined);
  return systemd === undefined ? undefined : { systemd: Number(systemd) };
}

/** Converts the definition in a template to a spec. */
export function bootstrapSpec(
  definition: {
    suite: string;
    packages: readonly string[];
    size?: number | undefined;
    secureBoot?: boolean | undefined;
  },
  arch?: ArchitectureName,
): BootstrapSpec {
  const { suite, packages, size, secureBoot } = definition;
  return {
    suite,
    packages,
    arch,
    ...(size === undefined ? {} : { size }),
    ...(secureBoot ? { secureBoot } : {}),
  };
}

const nameOf = ({ suite }: BootstrapSpec): string => `${suite}.qcow2`;

/** Returns the path of a bootstrapped base, which need not exist yet. Pure. */
export function bootstrapLocation(spec: BootstrapSpec): string {
  return cachedImagePath(bootstrapKey(spec), nameOf(spec));
}

/**
 * Returns the base for a spec, from the cache or created now. Concurrent runs create the same base
 * once.
 * @throws {VmbuildError} BASE_BOOTSTRAP, HOST_SPACE, HOST_PROGRAM_MISSING.
 */
export async function resolveBootstrap(
  spec: BootstrapSpec,
  { emit, signal }: BootstrapCacheContext,
): Promise<CachedBase> {
  const { path, record } = await getCachedImage({
    key: bootstrapKey(spec),
    name: nameOf(spec),
    signal,
    async make(target, workFolder) {
      const { suite, arch = DEFAULT_ARCHITECTURE.name } = spec;
      const message = `Creating a ${suite} base for ${arch} from packages; it will be cached`;
      emit({ type: "note", message });
      const facts = await bootstrapBase(spec, target, { emit, signal, workFolder });
      const { sha256: digest } = await hashFile(target, [], signal);
      return { digest, key: describeBootstrap(spec), facts };
    },
  });
  const { digest, facts } = recordSchema.parse(record);
  return { path, digest, system: systemOf(facts?.packages ?? []) };
}

/** Returns the facts about the system of a base that is in the cache; undefined for any other. */
export async function cachedSystem(spec: BootstrapSpec): Promise<BaseSystem | undefined> {
  const cached = await findCachedImage(bootstrapKey(spec), nameOf(spec));
  return cached && systemOf(recordSchema.parse(cached.record).facts?.packages ?? []);
}
