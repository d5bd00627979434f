/** Validates the paths of downloads below the output folder, and finds paths that collide. */
import { posix } from "node:path";

/** Kind of a path in the guest. */
export type GuestPathKind = "file" | "tree";

/** Source of a download in the guest, and `to` as in the template. */
export interface OutputClaim {
  readonly download: string;
  readonly to: string;
}

/** Returns the problem of a `to`; undefined where it is a path inside the output folder. */
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
 * Returns the path of a download below the output folder, without a slash at its end. A file goes
 * into `to` under its own name when `to` ends in a slash; the content of a folder goes into the
 * folder `to`.
 */
export function outputPathOf({ download, to }: OutputClaim, kind: GuestPathKind): string {
  const path = posix.normalize(to);
  if (!path.endsWith("/")) return path;
  const folder = path.slice(0, -1);
  return kind === "tree" ? folder : posix.join(folder, posix.basename(posix.normalize(download)));
}

const KINDS = ["file", "tree"] as const;

/** Returns whether the paths are equal or one is inside the other. */
function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

/**
 * Returns whether two downloads collide, whatever kinds they turn out to be.
 * @param kind the kind of the first one, where it is known.
 */
export function claimsCollide(one: OutputClaim, other: OutputClaim, kind?: GuestPathKind): boolean {
  const kinds = kind === undefined ? KINDS : [kind];
  return kinds.every((first) =>
    KINDS.every((second) => overlap(outputPathOf(one, first), outputPathOf(other, second))),
  );
}
