/** Reads the value of `--base`. */
import { resolve } from "node:path";

/** Base that the option asks for. */
export type BaseOption =
  /** From Debian's packages, of the release that the template names. */
  | { readonly kind: "release" }
  /** From Debian's packages. */
  | { readonly kind: "suite"; readonly suite: string }
  /** Image on this host; absolute. */
  | { readonly kind: "path"; readonly path: string };

/** Parses `bootstrap`, `bootstrap:SUITE`, or a path that is relative to the current folder. */
export function parseBaseOption(text: string): BaseOption {
  if (text === "bootstrap") return { kind: "release" };
  const suite = /^bootstrap:(.+)$/.exec(text)?.[1];
  return suite === undefined ? { kind: "path", path: resolve(text) } : { kind: "suite", suite };
}
