import { z } from "zod";
import { fileMode, guestPath, ownerField } from "../fields.js";
import { DEFAULT_FILE_MODE } from "../guest/upload.js";
import { defineAction } from "./action.js";
import type { ShellText } from "./action.js";
import { interpreterOf } from "./interpreter.js";

const schema = z
  .strictObject({
    write: guestPath.describe("path of the file in the guest"),
    content: z
      .union([z.string(), z.array(z.string())])
      .describe("content of the file; a list holds its lines"),
    mode: fileMode
      .optional()
      .meta({ default: `0${DEFAULT_FILE_MODE.toString(8)}` })
      .describe("mode of the file"),
    owner: ownerField,
  })
  .describe("writes a file in the guest");

/** Returns the text of a `write` action. */
function textOf(content: string | readonly string[]): string {
  return typeof content === "string" ? content : content.map((line) => `${line}\n`).join("");
}

/**
 * Returns a written script as shell text, so that it is checked like a script beside the template.
 */
function scriptText(content: string | readonly string[]): ShellText[] {
  const text = typeof content === "string" ? content : content.join("\n");
  const [shell = ""] = text.startsWith("#!") ? interpreterOf(Buffer.from(text)) : [];
  return /\/(ba|da)?sh$/.test(shell)
    ? [{ key: ["content"], text, parts: [text], interpreter: [shell] }]
    : [];
}

/** Writes a file from text in the template. */
export const write = defineAction<z.infer<typeof schema>>({
  name: "write",
  summary: "Writes text to a file in the guest, with a mode and an owner.",
  example: '{ "write": "/etc/motd", "content": "built by ${name} ${version}\\n", "mode": "0644" }',
  schema,
  describe: (action) => action.write,
  shellKeys: ["content"],
  shellTexts: ({ content }) => scriptText(content),
  run: (action, context) =>
    context.guest.write(textOf(action.content), action.write, {
      mode: action.mode,
      owner: action.owner,
    }),
});
