/** Defines the comparison of a source with what an image was made from. */
import type { Upstream } from "./spec.js";

/** What the manifest of an image says about the content of a source. */
export interface KnownContent {
  /** `sha256:<hex>`. */
  readonly digest?: string | undefined;
  /** Commit of a git tree. */
  readonly commit?: string | undefined;
  /** Version on the server; its digests are those of the download. */
  readonly upstream?:
    | (Omit<Upstream, "digests"> & { readonly digests: Readonly<Record<string, string>> })
    | undefined;
}

/**
 * Result of a comparison. `changed`: the next run would use another content. `unknown`: it cannot
 * be determined.
 */
export interface Freshness {
  readonly state: "current" | "changed" | "unknown";
  /** Phrase that explains the state. */
  readonly reason: string;
  /** Version in the image: a digest, a commit, a validator. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Time of the change as the server states it. ISO 8601. */
  readonly since?: string | undefined;
}

/** Converts a date of HTTP or apt to ISO 8601; undefined where it is not valid. */
export function isoDate(text: string | undefined): string | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** Returns the known digests of a content by algorithm. */
export function knownDigests({ digest, upstream }: KnownContent): Readonly<Record<string, string>> {
  if (upstream) return upstream.digests;
  const [algorithm, hex] = digest?.split(":") ?? [];
  return algorithm === undefined || hex === undefined ? {} : { [algorithm]: hex };
}

/** Compares a digest with the known one. */
export function compareDigest(
  algorithm: string,
  hex: string,
  known: KnownContent,
  reasons: { readonly current: string; readonly changed: string },
): Freshness {
  const old = knownDigests(known)[algorithm];
  if (old === undefined) {
    return { state: "unknown", reason: "the manifest of the image has no digest to compare with" };
  }
  if (old === hex) return { state: "current", reason: reasons.current };
  const versions = { from: `${algorithm}:${old}`, to: `${algorithm}:${hex}` };
  return { state: "changed", reason: reasons.changed, ...versions };
}
