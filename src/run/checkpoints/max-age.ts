/** Rebuilds images that are too old, for `--max-age`. */
import { join } from "node:path";
import { MANIFEST_NAME, readManifest } from "../../artifact/manifest.js";
import { buildPaths } from "../../builds/workspace.js";
import { readRecords } from "../../checkpoints/records.js";
import { formatDuration } from "../../host/format.js";
import { planOutput } from "../../requirements/plan.js";
import type { BuildOptions } from "../context.js";

/** Content that a run would use, and when it was made. */
interface Dated {
  /** Subject of a message. */
  readonly what: string;
  /** ISO 8601. */
  readonly time: string;
}

async function datedContent({ template, outputDirectory }: BuildOptions): Promise<Dated[]> {
  const { folder } = planOutput(template, outputDirectory);
  // Without a manifest that can be read, there is no image that could be too old.
  const manifest = await readManifest(join(folder, MANIFEST_NAME)).catch(() => undefined);
  const records = await readRecords(buildPaths(template.name));
  const checkpoints = (records?.checkpoints ?? []).map(({ index, step, createdAt }) => ({
    what: index === 0 ? "the checkpoint before the first step" : `the checkpoint after ${step}`,
    time: createdAt,
  }));
  const isOwn = manifest?.name === template.name;
  return [...(isOwn ? [{ what: "the image", time: manifest.created }] : []), ...checkpoints];
}

/**
 * Returns the options of a run. If the image or a checkpoint is older than `maxAgeMs`, they force a
 * rebuild from the base: an image made from an old checkpoint would be as old as that.
 */
export async function applyMaxAge(options: BuildOptions, now = Date.now()): Promise<BuildOptions> {
  const { maxAgeMs, force } = options;
  if (maxAgeMs === undefined || force) return options;
  const [oldest] = (await datedContent(options)).toSorted((one, other) =>
    one.time.localeCompare(other.time),
  );
  if (!oldest) return options;
  const age = now - Date.parse(oldest.time);
  if (!(age > maxAgeMs)) return options;
  const limit = formatDuration(maxAgeMs);
  const forcedBy = `${oldest.what} is ${formatDuration(age)} old; --max-age is ${limit}`;
  return { ...options, force: true, forcedBy };
}
