/** Implements `vmbuild import`: converts a Packer template to files of vmbuild. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { makeFolder } from "../host/files.js";
import { convertPackerTemplate } from "../packer/images.js";
import type { ConvertedTemplate } from "../packer/images.js";
import { findPackerTemplate } from "../packer/detect.js";
import type { Conversion } from "../packer/mapping/convert.js";
import { withoutGivenSecrets } from "../packer/mapping/given-secrets.js";
import { renderTemplate } from "../packer/mapping/render.js";
import { formatEntry } from "../packer/mapping/report.js";
import type { ReportEntry } from "../packer/mapping/report.js";
import { JsonDocument } from "../template/document.js";
import { loadDocument } from "../template/load.js";
import { checkTemplate, invalidError } from "../validate/validate.js";
import { interruptible } from "./interrupt.js";
import { parseAssignments } from "./assignments.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { shortPath } from "./short-path.js";
import { countOf } from "./table.js";

/** Flags of the command. */
export interface ImportFlags {
  readonly output?: string;
  readonly var?: string[];
  readonly varFile?: string[];
  readonly only?: string[];
  readonly except?: string[];
  readonly force?: boolean;
}

/** Value of `--output` for standard output. */
const STDOUT = "-";

/** Returns the folder of the results. */
function folderOf({ output }: ImportFlags): string {
  if (output === undefined || output === STDOUT) return process.cwd();
  return output.endsWith("/") ? resolve(output) : dirname(resolve(output));
}

/** Returns the file of each image. */
function filesFor(images: readonly Conversion[], flags: ImportFlags): string[] {
  const { output } = flags;
  if (output === undefined || output.endsWith("/")) {
    return images.map(({ name }) => join(folderOf(flags), `${name}.json`));
  }
  if (images.length === 1) return [output === STDOUT ? STDOUT : resolve(output)];
  const names = images.map(({ id }) => id).join(", ");
  throw new VmbuildError("USAGE", `The template has ${images.length} images: ${names}`, {
    hint: "Give a folder, as in `-o templates/`, or choose one image with --only.",
  });
}

async function writeTemplate(path: string, text: string, force: boolean): Promise<void> {
  await makeFolder(dirname(path));
  try {
    await writeFile(path, text, { flag: force ? "w" : "wx" });
  } catch (cause) {
    if (systemCode(cause) !== "EEXIST") throw cause;
    throw new VmbuildError("USAGE", `${shortPath(path)} already exists`, {
      cause,
      hint: "Use another name with -o, or replace it with --force.",
    });
  }
}

/** Checks a written template; returns the error that lists its problems. */
async function check(path: string, text: string): Promise<VmbuildError | undefined> {
  const digest = createHash("sha256").update(text).digest("hex");
  const document = new JsonDocument(shortPath(path), text);
  try {
    const template = await loadDocument(document, { path, folder: dirname(path), digest });
    const { problems } = await interruptible((signal) =>
      checkTemplate(template, { signal, findArtifact: () => Promise.resolve(undefined) }),
    );
    return invalidError(template, problems);
  } catch (error) {
    if (error instanceof VmbuildError && error.exitCode === 2) return error;
    throw error;
  }
}

function report(
  { report: entries }: Conversion,
  { path, others, output }: { path: string; others: readonly ReportEntry[]; output: Output },
): void {
  const count = (outcome: ReportEntry["outcome"]): number =>
    entries.filter((entry) => entry.outcome === outcome).length;
  const refused = entries.filter(({ outcome }) => outcome === "refused");
  const lines = [...refused, ...others];
  const text = `${countOf(count("mapped"), "option")} converted, ${count("nothing")} not needed`;
  const left = lines.length === 0 ? "" : `, ${lines.length} left to do by hand:`;
  output.log(`${shortPath(path)}: ${text}${left}`);
  for (const entry of lines) output.log(`  ${formatEntry(entry)}`);
}

/** Refuses an image of which nothing can be made. */
function requirePossible({ images }: ConvertedTemplate, path: string): void {
  const fatal = images.flatMap(({ report: entries }) => entries.filter(({ isFatal }) => isFatal));
  if (fatal.length === 0) return;
  throw new VmbuildError("TEMPLATE_INVALID", `${shortPath(path)} cannot be converted`, {
    lines: fatal.map(formatEntry),
  });
}

/**
 * Runs the command; returns 0, or the exit code of the first result that is not valid.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, USAGE.
 */
export async function importTemplate(text: string, flags: ImportFlags): Promise<number> {
  const output = createOutput();
  const path = await findPackerTemplate(text, process.cwd());
  if (path === undefined) {
    throw new VmbuildError("TEMPLATE_NOT_FOUND", `${text} is not a Packer template`, {
      hint: "Give a .pkr.hcl or .pkr.json file, a .json file with `builders`, or a folder of the former.",
    });
  }
  const converted = await convertPackerTemplate(
    path,
    {
      variables: parseAssignments("--var", flags.var),
      variableFiles: flags.varFile ?? [],
      only: flags.only,
      except: flags.except,
    },
    folderOf(flags),
  );
  for (const warning of converted.warnings) output.log(`warning: ${warning}`);
  requirePossible(converted, path);
  const { images, others, template } = converted;
  const files = filesFor(images, flags);
  let exitCode = 0;
  for (const [index, image] of images.entries()) {
    const file = files[index];
    if (file === undefined) continue;
    const open = withoutGivenSecrets(image, template);
    const json = renderTemplate(open, { folder: process.cwd(), left: others });
    const isPrinted = file === STDOUT;
    if (!isPrinted) await writeTemplate(file, json, flags.force ?? false);
    const shown = isPrinted ? join(folderOf(flags), `${image.name}.json`) : file;
    report(open, { path: shown, others, output });
    const error = await check(shown, json);
    if (error) {
      output.printError(error);
      exitCode ||= error.exitCode;
    }
    output.print(isPrinted ? json.trimEnd() : shortPath(file));
  }
  return exitCode;
}
