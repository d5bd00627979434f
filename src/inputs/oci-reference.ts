/** Names of OCI images: `REGISTRY/REPOSITORY:TAG` and `REGISTRY/REPOSITORY@sha256:<hex>`. */

/** An image's name in its parts. */
export interface ImageReference {
  /** Host, perhaps with a port. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or `sha256:<hex>`. */
  readonly reference: string;
}

// The registry is never left out: there is no default to guess at. Forms as in the distribution
// specification of OCI.
const HOST = String.raw`(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+(?::\d+)?|localhost(?::\d+)?`;
const PART = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const FORM = new RegExp(
  String.raw`^(${HOST})/(${PART}(?:/${PART})*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127})|@(sha256:[0-9a-f]{64}))$`,
);

/** Takes an image's name apart; undefined when it is none. */
export function parseReference(text: string): ImageReference | undefined {
  const [, registry = "", repository = "", tag, digest] = FORM.exec(text) ?? [];
  const reference = tag ?? digest;
  return reference === undefined ? undefined : { registry, repository, reference };
}
