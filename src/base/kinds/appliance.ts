import { z } from "zod";
import { asVmbuildError } from "../../errors.js";
import { hostPath, isTemplatePath } from "../../fields.js";
import { defineBaseKind } from "../kind.js";

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

/** Finished artifact of another template. */
export const applianceBase = defineBaseKind<z.infer<typeof schema>>({
  name: "appliance",
  form: "{appliance}",
  schema,
  mayUseOtherFiles: true,
  template: ({ appliance }) => appliance,
  async resolve({ appliance }, context) {
    const { path, digest } = await context.findArtifact(appliance);
    return { path, origin: appliance, digest: digest && `sha256:${digest}`, isComplete: true };
  },
  programs: () => [],
  async check({ appliance }, context) {
    try {
      const artifact = await context.findArtifact(appliance);
      return artifact
        ? { image: artifact.path }
        : { absent: `the base ${appliance} has not been built yet` };
    } catch (thrown) {
      return { problems: [{ key: ["appliance"], message: asVmbuildError(thrown).message }] };
    }
  },
  inspect({ appliance }) {
    const description = "image of another template";
    return { origin: appliance, present: description, absent: description };
  },
});
