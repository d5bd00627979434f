/** Reads Packer templates: HCL, its JSON syntax, and the older JSON format. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FunctionHost } from "./functions/function.js";
import { loadLegacy } from "./legacy/load-legacy.js";
import { findTemplateFiles } from "./load/files.js";
import type { TemplateFiles } from "./load/files.js";
import { loadHcl } from "./load/load-hcl.js";
import { Dependencies } from "./load/state.js";
import type { PackerLoadOptions, PackerProblem, PackerReading, PackerTemplate } from "./model.js";
import { Problems, problemsError } from "./problems.js";

/**
 * Version that `packer.version` gives, and against which `required_version` can be checked: the
 * version of Packer that the reader follows.
 */
const PACKER_VERSION = "1.14.0";

/**
 * Reads a template and lists its problems. Throws TEMPLATE_NOT_FOUND if there is no template at the
 * path, and nothing else.
 */
export function readPackerTemplate(path: string, options: PackerLoadOptions = {}): PackerReading {
  const cwd = resolve(options.cwd ?? process.cwd());
  const files = findTemplateFiles(path, cwd);
  const problems = new Problems();
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
  const state = { problems, host, dependencies: new Dependencies() };
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
