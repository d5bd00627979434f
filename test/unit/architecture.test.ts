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

/** Returns the absolute paths that the files of a folder import. */
function targetsOf(room: string): string[] {
  const files = readdirSync(join(source, room), { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".ts"))
    .flatMap((file) => {
      const path = join(source, room, file);
      const found = readFileSync(path, "utf8").matchAll(/(?:from\s+|import\()"(\.{1,2}\/[^"]+)"/g);
      return [...found].map(([, target = ""]) => join(dirname(path), target));
    });
}

/** Collects the folders of src/ that the files of a folder import. */
function importsOf(room: string): Set<string> {
  const parts = targetsOf(room).map((target) => relative(source, target).split("/"));
  const folders = parts.filter(({ length }) => length > 1).map(([folder = ""]) => folder);
  return new Set(folders.filter((folder) => folder !== room));
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

  it("has other rooms use base/bootstrap by its interface only", () => {
    const bootstrap = join(source, "base/bootstrap");
    const inside = rows
      .filter(({ room }) => room !== "base")
      .flatMap(({ room }) => targetsOf(room))
      .filter((target) => target.startsWith(`${bootstrap}/`))
      .map((target) => relative(bootstrap, target));
    expect([...new Set(inside)]).toEqual(["public.js"]);
  });
});
