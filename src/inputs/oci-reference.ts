/**
 * Parses references of OCI images: `REGISTRY/REPOSITORY:TAG` and
 * `REGISTRY/REPOSITORY@sha256:<hex>`.
 */

/** Parts of an image reference. */
export interface ImageReference {
  /** Host with an optional port. */
  readonly registry: string;
  readonly repository: string;
  /** Tag, or `sha256:<hex>`. */
  readonly reference: string;
}

// The registry is required, because vmbuild assumes no default. The syntax follows OCI's
// distribution specification.
const HOST = String.raw`(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+(?::\d+)?|localhost(?::\d+)?`;
const PART = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const FORM = new RegExp(
  String.raw`^(${HOST})/(${PART}(?:/${PART})*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127})|@(sha256:[0-9a-f]{64}))$`,
);

/** Parses an image reference; undefined when it is not valid. */
export function parseReference(text: string): ImageReference | undefined {
  const [, registry = "", repository = "", tag, digest] = FORM.exec(text) ?? [];
  const reference = tag ?? digest;
  return reference === undefined ? undefined : { registry, repository, reference };
}
