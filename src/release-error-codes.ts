/** Error codes of releases, downloads and installer sticks. */
import type { ErrorEntry } from "./exit-codes.js";

/** Part of the table in `error-codes.ts`. */
export const RELEASE_ERRORS = {
  BUNDLE_INVALID: {
    exit: 9,
    meaning: "A release bundle, or a manifest of a release, is not as it should be.",
    remedy:
      "Read the lines of the message: files that were altered, are missing or do not belong to it. Create it again with `vmbuild bundle create`.",
  },
  ARTIFACT_STICK: {
    exit: 9,
    meaning: "The image of an installer stick could not be made.",
    remedy: "Read the message; nothing was written under the final name.",
  },
  RELEASE_FAILED: {
    exit: 9,
    meaning: "A release could not be read or changed.",
    remedy:
      "Check the address, the network and the rights of the token, and run the command again: it continues.",
  },
  RELEASE_UNKNOWN: {
    exit: 4,
    meaning: "A release, or an image in it, does not exist.",
    remedy: "Run `vmbuild images list --store STORE --tag TAG` to see the images of a release.",
  },
  RELEASE_INVALID: {
    exit: 9,
    meaning: "The assets of an image in a release are incomplete, or do not have their checksums.",
    remedy: "Upload the image again: vmbuild release upload NAME --force",
  },
} as const satisfies Record<string, ErrorEntry>;
