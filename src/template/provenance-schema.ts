/** Defines `output.provenance`: the file that says how an image was made. */
import { z } from "zod";
import { hostPath } from "../fields.js";

const settings = z.strictObject({
  builder: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*:\S+$/i, "must be a URI, such as https://ci.example.org/images")
    .optional()
    .describe("URI of the service or the host that runs the build; verifiers compare it"),
  signingKey: hostPath(
    z
      .string()
      .min(1)
      .describe(
        "path of an SSH private key without a passphrase, or of a public key whose private key the SSH agent has",
      ),
  ).optional(),
});

/** Schema of `output.provenance`. */
export const provenanceSchema = z
  .union([z.boolean(), settings])
  .default(false)
  .describe(
    "write IMAGE.intoto.jsonl, which says how the image was made (in-toto, SLSA provenance v1), " +
      "and with signingKey its signature, IMAGE.intoto.jsonl.sig",
  );
