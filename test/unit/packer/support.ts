/** Templates and expressions of Packer for tests. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { evaluate } from "../../../src/packer/eval/evaluate.js";
import { Scope } from "../../../src/packer/eval/scope.js";
import { FUNCTIONS } from "../../../src/packer/functions/registry.js";
import { parseExpressionText } from "../../../src/packer/hcl/parse.js";
import { readPackerTemplate } from "../../../src/packer/load.js";
import type {
  PackerLoadOptions,
  PackerReading,
  PackerTemplate,
  Value,
} from "../../../src/packer/model.js";

/** Converts values to JSON: Maps become objects. */
export function plain(value: Value): unknown {
  if (Array.isArray(value)) return [...(value as readonly Value[])].map(plain);
  if (value instanceof Map) {
    return Object.fromEntries(
      [...(value as ReadonlyMap<string, Value>)].map(([k, v]) => [k, plain(v)]),
    );
  }
  return value;
}

/** Settings of {@link evaluated}. */
interface Settings {
  readonly values?: Readonly<Record<string, Value>>;
  readonly folder?: string;
}

/** Time of `timestamp()` in tests. */
export const NOW = new Date("2026-03-04T05:06:07Z");

/** Evaluates an expression and returns its value as JSON. */
export function evaluated(text: string, { values = {}, folder = "/" }: Settings = {}): unknown {
  const host = {
    folder,
    cwd: folder,
    now: NOW,
    environment: { HOME: "/home/somebody" },
    readFile: (path: string) => readFileSync(path),
  };
  const context = { functions: FUNCTIONS, host, warn: () => undefined };
  const scope = new Scope(context, new Map(), new Map(Object.entries(values)));
  return plain(evaluate(parseExpressionText("test.hcl", text), scope));
}

/** Makes a folder with files, which is removed after the test. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "vmbuild-packer-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Reads a template of several files. */
export function readFiles(
  files: Readonly<Record<string, string>>,
  options: PackerLoadOptions = {},
  path = ".",
): PackerReading {
  const cwd = folderOf(files);
  return readPackerTemplate(join(cwd, path), { cwd, environment: {}, now: NOW, ...options });
}

/** Builder and build that make a template complete. */
export const BUILD = `
source "qemu" "x" {}
build { sources = ["source.qemu.x"] }
`;

/** Reads a template of one file that has no problems. */
export function template(text: string, options: PackerLoadOptions = {}): PackerTemplate {
  const reading = readFiles({ "a.pkr.hcl": text }, options);
  if (!reading.template || reading.problems.length > 0) {
    throw new Error(`unexpected problems: ${problemTexts(reading).join("\n")}`);
  }
  return reading.template;
}

/** Problems as `LINE:COLUMN message`. */
export function problemTexts({ problems }: PackerReading): string[] {
  return problems.map(({ message, place }) =>
    place ? `${place.line}:${place.column} ${message}` : message,
  );
}

/** Problems of a template of one file. */
export function problemsOf(text: string, options: PackerLoadOptions = {}): string[] {
  return problemTexts(readFiles({ "a.pkr.hcl": text }, options));
}

/** Values of the locals of a template. */
export function localsOf(text: string, options: PackerLoadOptions = {}): Record<string, unknown> {
  const { locals } = template(`${text}\n${BUILD}`, options);
  return Object.fromEntries(locals.map(({ name, value }) => [name, plain(value)]));
}
