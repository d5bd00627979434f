/** What a kernel says when it has lost its footing. */

/** The words of Linux (kernel/panic.c, arch/x86/kernel/dumpstack.c, mm/oom_kill.c). */
const ERROR_PATTERNS: readonly RegExp[] = [
  /Kernel panic - not syncing/,
  /\bOops: /,
  // A lockup under emulation tells of the host's load, not of the image.
  /\bBUG: (?!soft lockup|workqueue lockup)/,
  // With `traps:` in front it is a program's, which the kernel survives.
  /(?<!traps: .*)\bgeneral protection fault, /,
  /\binvoked oom-killer\b/,
  /\bOut of memory: Kill/,
  /\bMemory cgroup out of memory: Kill/,
  /\bend Kernel panic\b/,
];

/** Lines of a console or a kernel log that tell of an oops, a panic or a lack of memory. */
export function findKernelErrors(
  lines: readonly string[],
  allow: readonly string[] = [],
): string[] {
  return lines.filter(
    (line) =>
      ERROR_PATTERNS.some((pattern) => pattern.test(line)) &&
      !allow.some((text) => line.includes(text)),
  );
}
