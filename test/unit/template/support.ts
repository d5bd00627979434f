/** Loads a template's file in its own folder, as a command does. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { loadTemplate } from "../../../src/template/load.js";
import type { LoadOptions, Template } from "../../../src/template/load.js";

/** Creates a folder that is removed when the test ends. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-template-"));
  // A hook of this file would run only for the first file that imports it: files share modules.
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Returns a minimal template with additional keys. */
export function templateText(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    name: "demo",
    base: { bootstrap: { suite: "bookworm" } },
    ...more,
  });
}

/** Loads a text as `t.json`, with an empty environment. */
export async function load(text: string, options: LoadOptions = {}): Promise<Template> {
  const folder = await makeFolder();
  const path = join(folder, "t.json");
  await writeFile(path, text);
  return loadTemplate(path, { environment: {}, ...options });
}

/** Returns the error of a text that does not load, without the folder in its lines. */
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
