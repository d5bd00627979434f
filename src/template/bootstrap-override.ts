/** Replaces a base by one of the same Debian release that is created from packages. */
import { bootstrappedBase } from "../base/registry.js";
import { isObject } from "./resolve.js";
import type { Override } from "./overrides.js";

/** Override of `--base bootstrap`. */
export const BOOTSTRAP_OVERRIDE: Override = {
  source: "--base bootstrap",
  path: ["base"],
  value: undefined,
  derived: {
    from: (current) => (isObject(current) ? bootstrappedBase(current) : undefined),
    problem: "names no Debian release",
    hint: "Name the release: --base bootstrap:trixie.",
  },
};
