/** Defines the patterns of kernel oopses, panics and OOM kills. */

/**
 * Patterns from the Linux sources (kernel/panic.c, mm/oom_kill.c, and the files that print an oops:
 * arch/x86/kernel/dumpstack.c, arch/arm64/kernel/traps.c, arch/riscv/kernel/traps.c).
 */
const ERROR_PATTERNS: readonly RegExp[] = [
  /Kernel panic - not syncing/,
  /\bOops: /,
  // arm64, and riscv.
  /\bInternal error: .+ \[#\d+\]/,
  /\bOops \[#\d+\]/,
  // A lockup under emulation is caused by the host's load, not by the image.
  /\bBUG: (?!soft lockup|workqueue lockup)/,
  // With `traps:` in front, the fault is that of a program, which the kernel survives.
  /(?<!traps: .*)\bgeneral protection fault, /,
  /\binvoked oom-killer\b/,
  /\bOut of memory: Kill/,
  /\bMemory cgroup out of memory: Kill/,
  /\bend Kernel panic\b/,
];

/** Returns the lines of a console or a kernel log that report an oops, a panic or an OOM kill. */
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
