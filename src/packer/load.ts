/** Reads Packer templates: HCL, its JSON syntax, and the older JSON format. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FunctionHost } from "./functions/function.js";
import { loadLegacy, readLegacySettings } from "./legacy/load-legacy.js";
import { findTemplateFiles } from "./load/files.js";
import type { TemplateFiles } from "./load/files.js";
import { loadHcl, readHclSettings } from "./load/load-hcl.js";
import { Dependencies } from "./load/state.js";
import type { LoadState } from "./load/state.js";
import type {
  PackerLoadOptions,
  PackerProblem,
  PackerReading,
  PackerSettings,
  PackerTemplate,
} from "./model.js";
import { Problems, problemsError } from "./problems.js";
import { PACKER_VERSION } from "./version.js";

/** Finds the files of a template, and makes the state with which they are read. */
function startReading(
  path: string,
  options: PackerLoadOptions,
): { state: LoadState; files: TemplateFiles; readFiles: ReadonlySet<string> } {
  const cwd = resolve(options.cwd ?? process.cwd());
  const files = findTemplateFiles(path, cwd);
  const readFiles = new Set<string>();
  const host: FunctionHost = {
    folder: files.folder,
    cwd,
    now: options.now ?? new Date(),
    environment: options.environment ?? process.env,
    readFile: (file) => {
      const content = readFileSync(file);
      readFiles.add(file);
      return content;
    },
  };
  const state = { problems: new Problems(), host, dependencies: new Dependencies() };
  return { state, files, readFiles };
}

/**
 * Reads what a template requires, and checks its syntax. Expressions of sources and builds are not
 * evaluated, and variables need no values. Throws TEMPLATE_NOT_FOUND if there is no template at the
 * path, and nothing else.
 */
export function readPackerSettings(
  path: string,
  options: PackerLoadOptions = {},
): { settings: PackerSettings } & Pick<PackerReading, "problems" | "warnings"> {
  const { state, files } = startReading(path, options);
  const settings =
    files.syntax === "hcl"
      ? readHclSettings(state, files, options.packerVersion ?? PACKER_VERSION)
      : readLegacySettings(state, files);
  const { problems } = state;
  return { settings, problems: problems.problems(), warnings: problems.warnings() };
}

/**
 * Reads a template and lists its problems. Throws TEMPLATE_NOT_FOUND if there is no template at the
 * path, and nothing else.
 */
export function readPackerTemplate(path: string, options: PackerLoadOptions = {}): PackerReading {
  const { state, files, readFiles } = startReading(path, options);
  const { problems } = state;
  const packerVersion = options.packerVersion ?? PACKER_VERSION;
  const load = files.syntax === "hcl" ? loadHcl : loadLegacy;
  const template = load(state, files, { ...options, packerVersion });
  if (template) checkSelection(template, files, { problems, options });
  return {
    template: template && { ...template, readFiles: [...readFiles] },
    problems: problems.problems(),
    warnings: problems.warnings(),
  };
}

/** Reports that `-only` and `-except` leave nothing to build. */
function checkSelection(
  { builds }: Pick<PackerTemplate, "builds">,
  { folder }: TemplateFiles,
  { problems, options }: { problems: Problems; options: PackerLoadOptions },
): void {
  const { only = [], except = [] } = options;
  if (only.length + except.length === 0 || problems.count > 0) return;
  if (builds.some(({ sources }) => sources.length > 0)) return;
  problems.add(`--only and --except leave nothing of ${folder} to build.`, undefined);
}

/**
 * Reads a template. Throws TEMPLATE_NOT_FOUND if there is none at the path, and TEMPLATE_INVALID with
 * all its problems.
 */
export function loadPackerTemplate(
  path: string,
  options: PackerLoadOptions = {},
): { template: PackerTemplate; warnings: readonly PackerProblem[] } {
  const { template, problems, warnings } = readPackerTemplate(path, options);
  if (!template || problems.length > 0) throw problemsError(path, problems);
  return { template, warnings };
}
