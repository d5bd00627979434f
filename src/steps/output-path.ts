/** Paths of downloads below the output folder: which are allowed, and which two get in each other's way. */
import { posix } from "node:path";

/** What a path of the guest turned out to be. */
export type GuestKind = "file" | "tree";

/** A download's source in the guest, and `to` as the template has it. */
export interface OutputClaim {
  readonly download: string;
  readonly to: string;
}

/** Names the fault of a `to`; undefined where it is a path inside the output folder. */
export function outputPathProblem(to: string): string | undefined {
  if (to.includes("\0")) return "a path has no NUL byte";
  if (to.startsWith("/")) {
    return (
      'an absolute path is not inside the output folder; use "hostPath" instead of "to" for a ' +
      "path on the host"
    );
  }
  const path = posix.normalize(to);
  if (path === ".." || path.startsWith("../")) {
    return (
      `${JSON.stringify(to)} is outside the output folder; use "hostPath" instead of "to" for a ` +
      "path on the host"
    );
  }
  if (path === "." || path === "./") {
    return `${JSON.stringify(to)} is the output folder itself; use a file or folder inside it`;
  }
  return undefined;
}

/**
 * The path of a download below the output folder, without a slash at its end. A file goes into a
 * `to` that ends in a slash, under its own name; what a folder holds goes into the folder `to`.
 */
export function outputPathOf({ download, to }: OutputClaim, kind: GuestKind): string {
  const path = posix.normalize(to);
  if (!path.endsWith("/")) return path;
  const folder = path.slice(0, -1);
  return kind === "tree" ? folder : posix.join(folder, posix.basename(posix.normalize(download)));
}

const KINDS = ["file", "tree"] as const;

/** Whether one path is the other, or lies inside it. */
function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

/**
 * Whether two downloads get in each other's way, whatever else they turn out to be.
 * @param kind of the first, where it is known.
 */
export function claimsCollide(one: OutputClaim, other: OutputClaim, kind?: GuestKind): boolean {
  const kinds = kind === undefined ? KINDS : [kind];
  return kinds.every((first) =>
    KINDS.every((second) => overlap(outputPathOf(one, first), outputPathOf(other, second))),
  );
}
