/** Defines the version of Packer that the reader follows. */

/**
 * Version that `packer.version` gives, and against which `required_version` can be checked: the
 * version of Packer that the reader follows.
 */
export const PACKER_VERSION = "1.14.0";
