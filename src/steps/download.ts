import { resolve } from "node:path";
import { z } from "zod";
import { guestPath } from "../fields.js";
import { defineAction } from "./action.js";

const schema = z
  .strictObject({
    download: guestPath.describe("a file or folder of the guest"),
    to: z
      .string()
      .min(1)
      .describe("where it goes: relative to the output folder, where it appears with the artifact"),
    cache: z
      .boolean()
      .default(false)
      .describe("true: a later run that keeps this step takes the file that was downloaded then"),
  })
  .describe("downloads a file or folder of the guest");

/** Downloads a file or a folder to lie beside the artifact. */
export const download = defineAction<z.infer<typeof schema>>({
  name: "download",
  summary:
    "Downloads a file or folder of the guest; it appears in the output folder with the artifact.",
  example: '{ "download": "/etc/image-version.txt", "to": "image-version.txt" }',
  schema,
  describe: (action) => `${action.download} to ${action.to}`,
  rerunsWhenKept: ({ cache }) => !cache,
  outputs: ({ to }) => [to],
  run: (action, context) =>
    context.guest.download(action.download, resolve(context.outputFolder, action.to)),
});
