/** Caches bootstrapped bases, which all builds with the same key share. */
import { z } from "zod";
import type { Emit } from "../events/types.js";
import { hashFile } from "../inputs/digest.js";
import { bootstrapBase, bootstrapKey, describeBootstrap } from "./bootstrap/bootstrap.js";
import type { BootstrapSpec } from "./bootstrap/bootstrap.js";
import { getCachedImage, cachedImagePath } from "./cached-image.js";

/** Cached base. */
export interface CachedBase {
  readonly path: string;
  /** sha256 of the image, in hex. */
  readonly digest: string;
}

/** Inputs of {@link resolveBootstrap} besides the spec. */
export interface BootstrapCacheContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const recordSchema = z.object({ digest: z.string() });

/** Converts the definition in a template to a spec. */
export function bootstrapSpec(definition: {
  suite: string;
  packages: readonly string[];
  size?: number | undefined;
}): BootstrapSpec {
  const { suite, packages, size } = definition;
  return { suite, packages, ...(size === undefined ? {} : { size }) };
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
      const message = `Creating a ${spec.suite} base from packages; it will be cached`;
      emit({ type: "note", message });
      const facts = await bootstrapBase(spec, target, { emit, signal, workFolder });
      const { sha256: digest } = await hashFile(target, [], signal);
      return { digest, key: describeBootstrap(spec), facts };
    },
  });
  return { path, digest: recordSchema.parse(record).digest };
}
