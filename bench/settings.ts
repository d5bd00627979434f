/** What the caller of the bench decides, through the environment. */
import { tmpdir } from "node:os";
import type { AcceleratorChoice } from "../dist/machine/accelerator.js";

/** The parts of the bench that can be run alone. */
export const PARTS = [
  "builds",
  "packer-template",
  "compaction",
  "hashing",
  "checkpoints",
  "memory",
] as const;
/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** What the bench is told. */
export interface Settings {
  /** How many times each contender has its turn. */
  readonly rounds: number;
  readonly parts: ReadonlySet<Part>;
  readonly accelerator: AcceleratorChoice;
  /** Packer's cloud-init: all that a plain user-data runs, or the few modules of vmbuild's seed. */
  readonly packerSeed: "plain" | "minimal";
  /** Under which the work folder is made; it takes up to 8 GB. */
  readonly folder: string;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`${name} is ${value}; it can be ${allowed.join(", ")}`);
  return found;
}

/**
 * Reads ROUNDS, ONLY, ACCEL, PACKER_SEED and BENCH_DIR.
 * @throws {Error} when one of them has a value that it cannot have.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const words = (name: string, otherwise: string): string => environment[name]?.trim() || otherwise;
  const rounds = Number(words("ROUNDS", "3"));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("ROUNDS is a number from 1 up");
  const only = words("ONLY", PARTS.join(" ")).split(/[\s,]+/);
  return {
    rounds,
    parts: new Set(only.map((part) => oneOf("ONLY", part, PARTS))),
    accelerator: oneOf("ACCEL", words("ACCEL", "auto"), ["auto", "kvm", "tcg"]),
    packerSeed: oneOf("PACKER_SEED", words("PACKER_SEED", "plain"), ["plain", "minimal"]),
    folder: words("BENCH_DIR", tmpdir()),
  };
}
