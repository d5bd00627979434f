/** The room table of docs/architecture.md matches the imports in src/. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const source = join(root, "src");
/** Rooms that every room may import. */
const COMMON = ["events", "host"];

/** Rows of the table: a room, and the rooms that it imports. */
const rows = [
  ...readFileSync(join(root, "docs/architecture.md"), "utf8").matchAll(
    /^\| \[`(\w+)\/`\][^|]*\|[^|]*\|([^|]*)\|$/gm,
  ),
].map(([, room = "", imports = ""]) => ({
  room,
  imports: imports.split(",").flatMap((name) => name.trim() || []),
}));

/** Collects the folders of src/ that the files of a folder import. */
function importsOf(room: string): Set<string> {
  const found = new Set<string>();
  const files = readdirSync(join(source, room), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    const path = join(source, room, file);
    const text = readFileSync(path, "utf8");
    for (const [, target = ""] of text.matchAll(/(?:from\s+|import\()"(\.{1,2}\/[^"]+)"/g)) {
      const [other = "", ...more] = relative(source, join(dirname(path), target)).split("/");
      if (other !== room && more.length > 0) found.add(other);
    }
  }
  return found;
}

describe("docs/architecture.md", () => {
  it("lists every folder of src/", () => {
    const folders = readdirSync(source, { withFileTypes: true });
    const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(rows.map(({ room }) => room).toSorted()).toEqual(names.toSorted());
  });

  it.each(rows)("says what $room/ imports", ({ room, imports }) => {
    const actual = [...importsOf(room)].filter((name) => !COMMON.includes(name));
    expect(actual.toSorted()).toEqual(imports.toSorted());
  });

  it("has each room import rooms below it only", () => {
    const order = rows.map(({ room }) => room);
    const up = rows.flatMap(({ room }) =>
      [...importsOf(room)]
        .filter((other) => order.indexOf(other) < order.indexOf(room))
        .map((other) => `${room} imports ${other}`),
    );
    expect(up).toEqual([]);
  });
});
