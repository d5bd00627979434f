/** Suggests the intended name where an unknown one was written. */

/** Returns the number of characters to insert, remove or replace (Levenshtein distance). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, character] of Array.from(one).entries()) {
    const next = [i + 1];
    for (const [j, candidate] of Array.from(other).entries()) {
      const replaced = (row[j] ?? 0) + (character === candidate ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** Common names of keys from other notations. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  backspace: "bs",
  delete: "del",
  escape: "esc",
  space: "spacebar",
  ctrl: "leftCtrl",
  control: "leftCtrl",
  alt: "leftAlt",
  shift: "leftShift",
  super: "leftSuper",
  win: "leftSuper",
  pgup: "pageUp",
  pgdn: "pageDown",
  ins: "insert",
  cr: "enter",
  ret: "enter",
};

/** Returns the most similar name; undefined when none is similar. Case is ignored. */
export function similarName(unknown: string, names: readonly string[]): string | undefined {
  const wanted = unknown.toLowerCase();
  const known = OTHER_NAMES[wanted];
  if (known !== undefined) return known;
  const scored = names
    .map((name) => ({ name, distance: editDistance(wanted, name.toLowerCase()) }))
    .toSorted((one, other) => one.distance - other.distance);
  const [best] = scored;
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  return best && best.distance <= allowed ? best.name : undefined;
}
