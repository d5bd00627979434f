import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { fileMode, guestPath } from "../fields.js";
import { defineAction } from "./action.js";

const schema = z
  .strictObject({
    upload: z.string().min(1).describe("a file or folder of the host, relative to the template"),
    to: guestPath.describe(
      "for a file its path in the guest, or a folder when it ends in a slash; for a folder, the " +
        "folder that takes what it holds",
    ),
    mode: fileMode.optional().describe('a file\'s mode, such as "0755"; its own otherwise'),
    owner: z.string().optional().describe('such as "www-data:www-data"; root otherwise'),
  })
  .describe("uploads a file or what a folder holds");

/** Uploads a file or a folder. */
export const upload = defineAction<z.infer<typeof schema>>({
  name: "upload",
  summary:
    "Uploads a file, checked by size and sha256, or what a folder holds, modes and dot files kept.",
  example: '{ "upload": "files/", "to": "/etc/demo/", "owner": "root:root" }',
  schema,
  describe: (action) => `${action.upload} to ${action.to}`,
  sources: (action, folder) => [{ path: resolve(folder, action.upload), kind: "tree" }],
  async run(action, context) {
    const source = resolve(context.templateFolder, action.upload);
    await stat(source).catch((cause: unknown) => {
      throw new VmbuildError("STEP_FAILED", `There is no ${source} to upload`, {
        cause,
        hint: "An earlier local action that should have made it may not have run.",
      });
    });
    await context.guest.upload(source, action.to, { mode: action.mode, owner: action.owner });
  },
});
