import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTemplate } from "../../../src/template/load.js";
import { makeFolder, templateText } from "./support.js";

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BOM = "\ufeff";
const utf16le = (text: string): Buffer => Buffer.from(text, "utf16le");
const utf16be = (text: string): Buffer => utf16le(text).swap16();
const utf8 = (text: string): Buffer => Buffer.from(text);

async function loadBytes(template: Buffer, variables?: Buffer) {
  const folder = await makeFolder();
  const [path, file] = [join(folder, "t.json"), join(folder, "v.json")];
  await writeFile(path, template);
  if (variables) await writeFile(file, variables);
  return loadTemplate(path, { environment: {}, ...(variables ? { variableFiles: [file] } : {}) });
}

const ENCODINGS: [string, (text: string) => Buffer][] = [
  ["UTF-8", utf8],
  ["UTF-8 with a byte order mark", (text) => Buffer.concat([UTF8_MARK, utf8(text)])],
  ["UTF-16LE with a byte order mark", (text) => utf16le(BOM + text)],
  ["UTF-16BE with a byte order mark", (text) => utf16be(BOM + text)],
  ["UTF-16LE", utf16le],
  ["UTF-16BE", utf16be],
  ["UTF-8 with carriage returns", (text) => utf8(text.replaceAll(",", ",\r\n"))],
];

describe("a template and a variables file", () => {
  it.each(ENCODINGS)("are read in %s", async (_name, encode) => {
    const text = templateText({ description: "${var.d}", variables: { d: {} } });
    const values = encode(JSON.stringify({ d: "Grüße 🚀" }));
    const bytes = encode(text);
    const template = await loadBytes(bytes, values);
    expect(template.description).toBe("Grüße 🚀");
    // Digest as computed by `sha256sum`.
    expect(template.digest).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  const latin1 = Buffer.from(
    templateText({ description: "x" }).replace('"x"', '\n"caf\u00e9"'),
    "latin1",
  );

  it.each([
    ["Latin-1", latin1, /t\.json is not UTF-8 \(line 2, column 5: byte 0xe9\)$/],
    [
      "a program",
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0xff]),
      /is not UTF-8 \(line 1, column 7: byte 0xff\)$/,
    ],
    [
      "UTF-32",
      Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]),
      /is not UTF-8 \(line 1, column 1: byte 0xff\)$/,
    ],
    [
      "half a pair",
      Buffer.concat([utf16le(`${BOM}{`), Buffer.from([0x00, 0xd8])]),
      /is not valid UTF-16LE$/,
    ],
  ])("are refused in %s", async (_name, bytes, message) => {
    await expect(loadBytes(bytes)).rejects.toMatchObject({
      code: "TEMPLATE_INVALID",
      message: expect.stringMatching(message) as string,
      hint: "Save it as UTF-8.",
    });
    const variables = loadBytes(utf8(templateText()), bytes);
    await expect(variables).rejects.toMatchObject({ code: "VARIABLE_INVALID" });
  });

  it("report the position of an error, not counting the mark", async () => {
    const broken = Buffer.concat([UTF8_MARK, utf8('{ "name": demo }')]);
    await expect(loadBytes(broken)).rejects.toMatchObject({
      lines: expect.arrayContaining([expect.stringMatching(/t\.json:1:11: not JSON/)]) as string[],
    });
  });

  it("are refused where they are empty", async () => {
    await expect(loadBytes(Buffer.alloc(0))).rejects.toMatchObject({ code: "TEMPLATE_INVALID" });
  });
});
