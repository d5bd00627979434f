/** Error codes of a run as a process: the commit of its template, its end from outside, its lease. */
import type { ErrorEntry } from "./exit-codes.js";

/** Part of the table in `error-codes.ts`. */
export const RUN_ERRORS = {
  PATCHES_INVALID: {
    exit: 8,
    meaning: "The patches that the guest has collected are not complete, or were altered.",
    remedy:
      "Collect them with provisioners/70-collect-patches.sh, and change nothing in the folder afterwards.",
  },
  PATCHES_SIGN: {
    exit: 9,
    meaning: "The archive of patches could not be signed.",
    remedy:
      "Check output.patches.signingKey: a file with one OpenPGP private key without a passphrase. No image was published.",
  },
  PROFILE_NOT_FOUND: {
    exit: 2,
    meaning: "No profile exists at the given path or under the given name.",
    remedy: "Give the path of the JSON file, or the name of a file in a folder profiles/.",
  },
  PROFILE_INVALID: {
    exit: 2,
    meaning: "The profile has problems, each listed with its place.",
    remedy: "Correct each listed problem; docs/profiles.md describes the fields.",
  },
  GIT_DIRTY: {
    exit: 2,
    meaning: "The git work tree of a template has uncommitted changes, and the run requires none.",
    remedy: "Commit or stash the listed files, or ignore them with --skip-commit.",
  },
  GIT_UNUSABLE: {
    exit: 3,
    meaning: "The commit of a template is unknown, or git cannot commit a manifest.",
    remedy:
      "Run the command in a clone of the repository, with user.name and user.email of git set.",
  },
  RUN_IN_PROGRESS: {
    exit: 3,
    meaning: "A run did not end in the time that it was given.",
    remedy: "Follow it with `vmbuild attach RUN`, or end it with `vmbuild stop RUN --force`.",
  },
  LEASE_EXPIRED: {
    exit: 124,
    meaning: "The lease of the run expired: its deadline passed, or its last holder was gone.",
    remedy:
      "`vmbuild ssh NAME` opens the machine as it was; `vmbuild run NAME --retry` continues with a new lease.",
  },
  SINK_FAILED: {
    exit: 3,
    meaning: "Events of a run could not be delivered to a sink.",
    remedy: "Check the URL and the server of the sink, then run `vmbuild deliver NAME` again.",
  },
  REMOTE_UNREACHABLE: {
    exit: 3,
    meaning: "Another host cannot be reached by SSH, or the connection to it was lost.",
    remedy: "Check that `ssh HOST` works, then run the command again. A run there goes on.",
  },
  REMOTE_VERSION: {
    exit: 3,
    meaning: "Another host does not have this version of vmbuild, or cannot start it.",
    remedy: "Install it there, or let `vmbuild run NAME --on HOST --install` do so.",
  },
  REMOTE_BUNDLE: {
    exit: 4,
    meaning: "A file of the template cannot be sent to another host.",
    remedy: "Correct what the message names, then run the command again.",
  },
  FETCH_FAILED: {
    exit: 9,
    meaning: "The image of a run on another host could not be fetched.",
    remedy: "Run `vmbuild fetch NAME --on HOST`: it continues where the transfer ended.",
  },
  INTERRUPTED: {
    exit: 130,
    meaning: "The run was interrupted (Ctrl-C).",
    remedy: "Run the command again.",
  },
  TERMINATED: {
    exit: 143,
    meaning: "The run was terminated (SIGTERM, or `vmbuild stop`).",
    remedy: "Run the command again.",
  },
  RUN_KILLED: {
    exit: 143,
    meaning: "The process of a run was killed, so that the run has no result of its own.",
    remedy:
      "Check whether the host ran out of memory, then run `vmbuild run NAME` again: it resumes.",
  },
} as const satisfies Record<string, ErrorEntry>;
