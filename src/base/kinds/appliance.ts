import { z } from "zod";
import { asVmbuildError } from "../../errors.js";
import { defineBaseKind } from "../kind.js";

const schema = z
  .strictObject({ appliance: z.string().min(1).describe("name or path of another template") })
  .describe("finished image of another template");

/** Finished artifact of another template. */
export const applianceBase = defineBaseKind<z.infer<typeof schema>>({
  name: "appliance",
  form: "{appliance}",
  schema,
  mayUseOtherFiles: true,
  async resolve({ appliance }, context) {
    const { path, digest } = await context.findArtifact(appliance);
    return { path, origin: appliance, digest: digest && `sha256:${digest}` };
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
