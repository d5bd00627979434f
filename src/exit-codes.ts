/** Meaning of each exit code of the process. */
export const EXIT_CODES = {
  0: "success",
  1: "a defect in vmbuild",
  2: "usage, or an invalid template",
  3: "the host is not ready: a missing program, KVM, memory, space, a lock",
  4: "an input or the base: download, checksum, signature, bootstrap",
  5: "the machine: QEMU did not start, or exited",
  6: "the guest: no SSH in time, wrong host key, connection lost",
  7: "a step failed or timed out",
  8: "a check failed: verify, seal, acceptance test",
  9: "the artifact: conversion, checksums, space",
  10: "something that an image is made of has a newer version (vmbuild outdated)",
  124: "the run's lease expired (--ttl, --lease-file, --lease-connection)",
  130: "interrupted (Ctrl-C)",
  143: "terminated (SIGTERM, vmbuild stop) or killed",
} as const;

/** An exit code of the process. */
export type ExitCode = keyof typeof EXIT_CODES;

/** Entry of the table of error codes. */
export interface ErrorEntry {
  readonly exit: ExitCode;
  /** Meaning, in one sentence. */
  readonly meaning: string;
  /** General remedy; an error can carry a better hint of its own. */
  readonly remedy: string;
}
