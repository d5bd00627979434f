/** Registry of the kinds of stores. The first one that matches an address is used. */
import { VmbuildError } from "../errors.js";
import { fillContext } from "../inputs/context.js";
import { folder } from "./stores/folder.js";
import { github } from "./stores/github.js";
import { s3 } from "./stores/s3.js";
import type { ReleaseContext, ReleaseStore, StoreKind } from "./store.js";

const STORE_KINDS: readonly StoreKind[] = [github, s3, folder];

/** Tag of the release that consumers use unless they name another one. It is a prerelease. */
export const DEFAULT_TAG = "latest";

/** Release in a store. */
export interface ReleasePlace {
  /** `github:OWNER/REPO`, `s3://BUCKET/PREFIX` or a path. */
  readonly store: string;
  /** {@link DEFAULT_TAG} unless given. */
  readonly tag?: string | undefined;
  /** Whether a release that is created is marked as a prerelease; only `latest` unless given. */
  readonly prerelease?: boolean | undefined;
}

/** Tags are names of folders, of git's references and parts of addresses. */
const TAG = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/**
 * Opens the store of a release. Nothing is requested yet.
 * @throws {VmbuildError} USAGE for a malformed address or tag.
 */
export function openRelease(place: ReleasePlace, context: ReleaseContext): Promise<ReleaseStore> {
  const { store, tag = DEFAULT_TAG, prerelease = tag === DEFAULT_TAG } = place;
  if (!TAG.test(tag)) {
    throw new VmbuildError("USAGE", `--tag ${tag} is not a valid tag`, {
      hint: "A tag consists of letters, digits, dots, dashes, underscores and plus signs.",
    });
  }
  const kind = STORE_KINDS.find((one) => one.matches(store));
  if (!kind) {
    const forms = STORE_KINDS.map(({ form }) => form).join("; ");
    throw new VmbuildError("USAGE", `--store ${JSON.stringify(store)} is not a store`, {
      hint: `Use one of: ${forms}.`,
    });
  }
  return kind.open(store, { ...fillContext({ ...context, offline: false }), tag, prerelease });
}
