/** Environment of git, when vmbuild itself is run by git. */

/** Variables set by a git process that runs vmbuild: a hook, or an alias. */
const INHERITED_VARIABLES = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
];

/**
 * Environment that removes the variables which would make git use another repository than that of
 * its folder.
 */
export const WITHOUT_CALLING_GIT: Readonly<Record<string, undefined>> = Object.fromEntries(
  INHERITED_VARIABLES.map((name) => [name, undefined]),
);
