import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../fields.js";
import { defineAction } from "./action.js";
import { interpreterOf } from "./interpreter.js";
import { runInGuest } from "./run-in-guest.js";
import { describeOptions, scriptOptions } from "./script-options.js";

const schema = z
  .strictObject({
    script: hostPath(
      z.string().min(1).describe("path of the script on the host, relative to the template"),
    ),
    arguments: z.array(z.string()).default([]).describe("arguments for the script"),
    ...scriptOptions,
    interpreter: scriptOptions.interpreter.describe(
      'program of the guest that reads the script, with arguments, such as "/bin/sh -eu" or "python3"; if omitted, the one of the script\'s first line',
    ),
  })
  .describe("runs a script of the host in the guest, with the interpreter of its first line");

/** Runs a script of the host in the guest. */
export const script = defineAction<z.infer<typeof schema>>({
  name: "script",
  summary:
    "Runs a script of the host in the guest, with the interpreter that its first line names.",
  example: '{ "script": "../../provisioners/90-cleanup.sh", "arguments": ["--all"] }',
  schema,
  describe: (action) =>
    [basename(action.script), ...action.arguments].join(" ") + describeOptions(action),
  sources: ({ script: path, interpreter }, folder) => [
    { path: resolve(folder, path), kind: "file", script: true, interpreter },
  ],
  async run(action, context) {
    const content = await readFile(resolve(context.templateFolder, action.script));
    await runInGuest(context, {
      ...action,
      what: action.script,
      content,
      interpreter: action.interpreter ?? interpreterOf(content),
    });
  },
});
