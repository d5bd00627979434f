/** Defines `output.patches`: the archive of patches that `vmbuild run --create-patches` makes. */
import { z } from "zod";
import { companionProblem } from "../artifact/names.js";
import { guestPath, hostPath } from "../fields.js";

const fileName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/, "must consist of letters, digits, dots, +, - and _");

/** Schema of `output.patches`. */
export const patchesSchema = z
  .strictObject({
    from: guestPath
      .default("/var/lib/patches")
      .describe("folder of the guest that provisioners/70-collect-patches.sh has filled"),
    folder: fileName
      .optional()
      .meta({ default: "${name}-patches" })
      .describe("name of the folder in the archive"),
    filename: fileName
      .refine((name) => name.endsWith(".tgz"), "must end in .tgz")
      .refine((name) => companionProblem(name, []) === undefined, "is reserved or too long")
      .optional()
      .meta({ default: "${name}-patches-${git.branch}-${git.commit}${git.dirty}.tgz" })
      .describe(
        "file name of the archive; NAME-patches-VERSION.tgz where the template is in no git " +
          "repository",
      ),
    signingKey: hostPath(
      z
        .string()
        .min(1)
        .describe(
          "path of an OpenPGP private key without a passphrase, which signs the repository and " +
            "the sums of all files",
        ),
    ).optional(),
  })
  .describe(
    "archive of patches, which `vmbuild run --create-patches` makes beside the image: a repository " +
      "of the packages that were updated",
  );
