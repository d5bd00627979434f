/** Relative links of the documentation: the file is there, and so is the heading. */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SKIPPED = new Set(["node_modules", "dist", "output", ".git"]);

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : pagesIn(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** Text of a page without its code blocks. */
const proseOf = (path: string): string =>
  readFileSync(path, "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");

/** Anchors of a page's headings, as GitHub derives them. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const [, heading = ""] of proseOf(path).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

function problemOf(page: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : resolve(dirname(page), decodeURIComponent(path));
  if (!existsSync(file)) return `${target}: no such file`;
  if (anchor === undefined || statSync(file).isDirectory() || !file.endsWith(".md"))
    return undefined;
  return anchorsOf(file).has(anchor) ? undefined : `${target}: no such heading`;
}

const pages = pagesIn(ROOT).map((path) => [relative(ROOT, path), path] as const);

it.each(pages)("%s links to what is there", (_, page) => {
  const links = [...proseOf(page).matchAll(/\]\(<?([^)\s>]+)>?\)/g)].map(
    ([, target = ""]) => target,
  );
  const local = links.filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
  expect(local.map((target) => problemOf(page, target)).filter(Boolean)).toEqual([]);
});
