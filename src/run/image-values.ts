/** Gives the references to a published image, such as `${image.path}`, their values. */
import { basename } from "node:path";
import type { RunResult } from "../events/result.js";
import type { ImagePlan } from "../requirements/plan.js";

/** Returns the values of the references to an image, by reference. */
export function imageValues(
  { path, format }: Pick<ImagePlan, "path" | "format">,
  { artifact, otherArtifacts = [], manifest }: RunResult,
): Map<string, string> {
  const image = [...(artifact ? [artifact] : []), ...otherArtifacts].find(
    (one) => one.path === path,
  );
  return new Map([
    ["image.path", path],
    ["image.name", basename(path)],
    ["image.format", format],
    ["image.manifest", manifest ?? ""],
    ...Object.entries(image?.checksums ?? {}).map(([algorithm, hex]): [string, string] => [
      `image.${algorithm}`,
      hex,
    ]),
  ]);
}
