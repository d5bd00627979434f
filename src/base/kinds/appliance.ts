import { z } from "zod";
import { VmbuildError, asVmbuildError } from "../../errors.js";
import { hostPath, isTemplatePath } from "../../fields.js";
import type { ArchitectureName } from "../../machine/architectures/registry.js";
import { defineBaseKind } from "../kind.js";
import type { ApplianceImage } from "../kind.js";

/** Keeps the path of a folder different from a name. */
const withDot = (path: string): string => (path.includes("/") ? path : `./${path}`);

const schema = z
  .strictObject({
    appliance: hostPath(
      z
        .string()
        .min(1)
        .describe(
          "name of another template, or the path of its file, relative to this template; it is built first",
        ),
      { change: (text, move) => (isTemplatePath(text) ? withDot(move(text)) : text) },
    ),
  })
  .describe("finished image of another template");

/** Returns what is wrong with an image for another architecture than the machine's. */
function archProblem(
  appliance: string,
  { arch }: ApplianceImage,
  own: ArchitectureName,
): string | undefined {
  if (arch === undefined || arch === own) return undefined;
  return `The finished image of ${appliance} is for ${arch}, but machine.arch is ${own}`;
}

/** Finished artifact of another template. */
export const applianceBase = defineBaseKind<z.infer<typeof schema>>({
  name: "appliance",
  form: "{appliance}",
  schema,
  mayUseOtherFiles: true,
  template: ({ appliance }) => appliance,
  // The base of the other template is replaced.
  bootstrapped: (definition) => definition,
  async resolve({ appliance }, context) {
    const artifact = await context.findArtifact(appliance);
    const problem = archProblem(appliance, artifact, context.installer.machine.arch);
    if (problem !== undefined) {
      const hint = `Build it for the same architecture, or set machine.arch to ${artifact.arch}.`;
      throw new VmbuildError("BASE_INVALID", problem, { hint });
    }
    const { path, digest } = artifact;
    return { path, origin: appliance, digest: digest && `sha256:${digest}`, isComplete: true };
  },
  programs: () => [],
  async check({ appliance }, context) {
    try {
      const artifact = await context.findArtifact(appliance);
      if (!artifact) return { absent: `the base ${appliance} has not been built yet` };
      const message = archProblem(appliance, artifact, context.machine.arch);
      const problems = message === undefined ? [] : [{ key: ["appliance"], message }];
      return { image: artifact.path, problems };
    } catch (thrown) {
      return { problems: [{ key: ["appliance"], message: asVmbuildError(thrown).message }] };
    }
  },
  inspect({ appliance }) {
    const description = "image of another template";
    return { origin: appliance, present: description, absent: description };
  },
});
