/** Compares versions of packages as dpkg and rpm do. */

/** Package manager that installed a package; the value is the type of a package URL. */
export type PackageType = "deb" | "rpm";

/** Sorts a character as dpkg does: `~` before the end of the text, letters before all others. */
function debOrder(character: string | undefined): number {
  if (character === undefined || /\d/.test(character)) return 0;
  if (character === "~") return -1;
  const code = character.codePointAt(0) ?? 0;
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

/** Compares whole numbers of any length. */
function compareNumbers(one: string, other: string): number {
  const [a, b] = [one.replace(/^0+/, ""), other.replace(/^0+/, "")];
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Compares two parts of a version (deb-version(7), "Sorting algorithm"). */
function compareDebParts(one: string, other: string): number {
  let [a, b] = [one, other];
  while (a !== "" || b !== "") {
    const [textA = "", textB = ""] = [/^\D*/.exec(a)?.[0], /^\D*/.exec(b)?.[0]];
    for (let at = 0; at < Math.max(textA.length, textB.length); at++) {
      const order = debOrder(textA[at]) - debOrder(textB[at]);
      if (order !== 0) return order;
    }
    [a, b] = [a.slice(textA.length), b.slice(textB.length)];
    const [numberA = "", numberB = ""] = [/^\d*/.exec(a)?.[0], /^\d*/.exec(b)?.[0]];
    const order = compareNumbers(numberA, numberB);
    if (order !== 0) return order;
    [a, b] = [a.slice(numberA.length), b.slice(numberB.length)];
  }
  return 0;
}

interface VersionParts {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
}

/** Splits `[epoch:]upstream[-revision]`. The revision is what follows the last dash. */
function splitVersion(version: string): VersionParts {
  const colon = version.indexOf(":");
  const epoch = colon === -1 ? "0" : version.slice(0, colon);
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return dash === -1
    ? { epoch, upstream: rest, revision: "" }
    : { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

/** Compares `~` (older than nothing) and `^` (newer than nothing) as rpmvercmp does. */
function compareMarks(a: string, b: string): number | undefined {
  if (a.startsWith("~") || b.startsWith("~")) {
    if (!a.startsWith("~")) return 1;
    return b.startsWith("~") ? undefined : -1;
  }
  if (a.startsWith("^") || b.startsWith("^")) {
    if (a === "") return -1;
    if (b === "") return 1;
    if (!a.startsWith("^")) return 1;
    return b.startsWith("^") ? undefined : -1;
  }
  return undefined;
}

/** Compares two parts of a version as `rpmvercmp` does (rpm-version(7)). */
function compareRpmParts(one: string, other: string): number {
  let [a, b] = [one, other];
  for (;;) {
    [a, b] = [a.replace(/^[^A-Za-z0-9~^]+/, ""), b.replace(/^[^A-Za-z0-9~^]+/, "")];
    const isMarked = /^[~^]/.test(a) || /^[~^]/.test(b);
    const mark = compareMarks(a, b);
    if (mark !== undefined) return mark;
    if (isMarked) {
      [a, b] = [a.slice(1), b.slice(1)];
      continue;
    }
    if (a === "" || b === "") return (a === "" ? 0 : 1) - (b === "" ? 0 : 1);
    const isNumber = /^\d/.test(a);
    const pattern = isNumber ? /^\d+/ : /^[A-Za-z]+/;
    const [partA = "", partB = ""] = [pattern.exec(a)?.[0], pattern.exec(b)?.[0]];
    // Numbers are newer than letters.
    if (partB === "") return isNumber ? 1 : -1;
    const order = isNumber
      ? compareNumbers(partA, partB)
      : partA < partB
        ? -1
        : partA > partB
          ? 1
          : 0;
    if (order !== 0) return order;
    [a, b] = [a.slice(partA.length), b.slice(partB.length)];
  }
}

const COMPARE_PARTS: Readonly<Record<PackageType, (one: string, other: string) => number>> = {
  deb: compareDebParts,
  rpm: compareRpmParts,
};

/** Returns a negative number when `one` is older than `other`, 0 when they are equal. */
export function compareVersions(type: PackageType, one: string, other: string): number {
  const [a, b] = [splitVersion(one), splitVersion(other)];
  const compare = COMPARE_PARTS[type];
  return (
    compareNumbers(a.epoch, b.epoch) ||
    compare(a.upstream, b.upstream) ||
    compare(a.revision, b.revision)
  );
}
