import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { fileMode, guestPath, hostPath, ownerField } from "../fields.js";
import { defineAction } from "./action.js";

const schema = z
  .strictObject({
    upload: hostPath(
      z.string().min(1).describe("path of a file or folder on the host, relative to the template"),
    ),
    to: guestPath.describe(
      "destination in the guest: for a file, its path, or a folder if it ends in a slash; for a " +
        "folder, the folder that receives its contents",
    ),
    mode: fileMode
      .optional()
      .describe('mode of a file, such as "0755"; if omitted, the mode that it has on the host'),
    owner: ownerField,
  })
  .describe("uploads a file, or the contents of a folder");

/** Uploads a file or a folder. */
export const upload = defineAction<z.infer<typeof schema>>({
  name: "upload",
  summary:
    "Uploads a file, verified by size and SHA-256, or the contents of a folder, with modes and dot files.",
  example: '{ "upload": "files/", "to": "/etc/demo/", "owner": "root:root" }',
  schema,
  describe: (action) => `${action.upload} to ${action.to}`,
  sources: (action, folder) => [{ path: resolve(folder, action.upload), kind: "tree" }],
  async run(action, context) {
    const source = resolve(context.templateFolder, action.upload);
    await stat(source).catch((cause: unknown) => {
      throw new VmbuildError("STEP_FAILED", `Cannot upload ${source}: it does not exist`, {
        cause,
        hint: "If a local action creates the file, check that it runs before this action.",
      });
    });
    await context.guest.upload(source, action.to, { mode: action.mode, owner: action.owner });
  },
});
