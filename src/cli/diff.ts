/** Implements `vmbuild diff`: compares two images. */
import { findPublished } from "../builds/find-artifact.js";
import { compareSides } from "../diff/compare.js";
import { renderMarkdown, renderText } from "../diff/render.js";
import { readSide } from "../diff/side.js";
import type { Side } from "../diff/side.js";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import { alignRows } from "./table.js";

/** Flags of the command. */
export interface DiffFlags extends OutputFlags {
  readonly appliances?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** Errors of what is no template. */
const UNKNOWN: readonly string[] = ["TEMPLATE_NOT_FOUND", "TEMPLATE_INVALID"];

/** Reads a side: a path of this host, or the published image of a template. */
async function sideOf(given: string, { appliances }: DiffFlags): Promise<Side> {
  let reason: VmbuildError | undefined;
  if (await statIfThere(given)) {
    try {
      return await readSide(given);
    } catch (error) {
      // A folder may also have the name of a template, and a JSON file may be one.
      if (!(error instanceof VmbuildError)) throw error;
      reason = error;
    }
  }
  try {
    const template = await loadFromFlags(given, appliances === undefined ? {} : { appliances });
    const { folder, manifest } = await findPublished(template);
    return { ...(await readSide(given, folder)), manifest };
  } catch (error) {
    const isUnknown = error instanceof VmbuildError && UNKNOWN.includes(error.code);
    throw isUnknown && reason ? reason : error;
  }
}

/** Runs the command; returns the exit code, which is 0 whether or not something differs. */
export async function diff(from: string, to: string, flags: DiffFlags): Promise<number> {
  const output = createOutput(flags);
  const difference = compareSides(await sideOf(from, flags), await sideOf(to, flags));
  if (flags.json) output.printJson(difference);
  else if (flags.markdown) output.print(renderMarkdown(difference));
  else output.print(renderText(difference, (rows) => alignRows(rows)));
  return 0;
}
