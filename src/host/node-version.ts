/** Compares versions of Node.js. */

/** Oldest version of Node.js that vmbuild supports, as in package.json. */
export const OLDEST_NODE = "20.19";

/** Returns whether vmbuild supports a version of Node.js: by default, the one that runs it. Pure. */
export function isNodeSupported(version = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldest = 0, oldestMinor = 0] = OLDEST_NODE.split(".").map(Number);
  return major > oldest || (major === oldest && minor >= oldestMinor);
}

/** Returns the message for a version of Node.js that is too old; undefined where it is not. */
export function oldNodeMessage(): string | undefined {
  if (isNodeSupported()) return undefined;
  const found = `this is ${process.versions.node} (${process.execPath})`;
  return `vmbuild requires Node.js ${OLDEST_NODE} or later; ${found}`;
}
