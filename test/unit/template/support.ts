/** A template's file in a folder of its own, loaded as a command would. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { loadTemplate } from "../../../src/template/load.js";
import type { LoadOptions, Template } from "../../../src/template/load.js";

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A folder that goes when the test ends. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-template-"));
  folders.push(folder);
  return folder;
}

/** The least that is a template, with more keys. */
export function templateText(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    name: "demo",
    base: { bootstrap: { suite: "bookworm" } },
    ...more,
  });
}

/** Loads a text as `t.json`, with an environment that has nothing in it. */
export async function load(text: string, options: LoadOptions = {}): Promise<Template> {
  const folder = await makeFolder();
  const path = join(folder, "t.json");
  await writeFile(path, text);
  return loadTemplate(path, { environment: {}, ...options });
}

/** The error of a text that does not load, with the folder left out of its lines. */
export async function loadError(
  text: string,
  options: LoadOptions = {},
): Promise<{ code: string; lines: string[] }> {
  try {
    await load(text, options);
  } catch (error) {
    if (!(error instanceof VmbuildError)) throw error;
    const lines = error.lines.map((line) => line.replaceAll(/\/\S*\/t\.json/g, "t.json"));
    return { code: error.code, lines };
  }
  throw new Error("it loaded");
}
