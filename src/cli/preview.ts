/** Determines what a run would do, for `run --explain` and `checkpoints`. */
import type { RunPreview } from "../run/checkpoints/preview.js";
import { createRunPreview } from "../run/checkpoints/preview.js";
import type { BuildOptions } from "../run/context.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import type { Sink } from "../events/types.js";
import type { Template } from "../template/load.js";
import { findArtifact } from "./find-artifact.js";
import type { TemplateFlags } from "./options.js";
import type { Output } from "./output.js";

/**
 * Determines what a run would do. Warnings go to stderr.
 * @param more options of the run. `readOnly`: do not change the data of the build.
 */
export async function previewRun(
  template: Template,
  flags: TemplateFlags,
  output: Output,
  {
    readOnly = false,
    ...more
  }: Partial<BuildOptions> & Pick<BuildOptions, "signal"> & { readonly readOnly?: boolean },
): Promise<RunPreview> {
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  const sink: Sink = {
    handle: (event) => event.type === "warning" && output.log(`warning: ${event.message}`),
    close: () => {},
  };
  const bus = createBus(template.name, secrets, [sink]);
  const options: BuildOptions = {
    template,
    bus,
    secrets,
    findArtifact: (name) => findArtifact(name, flags, template),
    ...more,
  };
  try {
    return await createRunPreview(options, { readOnly });
  } finally {
    await bus.close();
  }
}
