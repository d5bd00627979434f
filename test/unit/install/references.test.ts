/** References in the files of an installer. */
import { describe, expect, it } from "vitest";
import { fillTemplateReferences, fillValues } from "../../../src/install/references.js";

const values: Readonly<Record<string, string>> = { "var.mirror": "deb.example", name: "box" };
const fill = (text: string | Buffer): string =>
  fillTemplateReferences(Buffer.from(text), "answers", (name) => values[name]).toString("latin1");

describe("references in an answer file", () => {
  it.each([
    ["a variable", "host ${var.mirror}", "host deb.example"],
    ["the name", "${name}", "box"],
    ["values of the installer, which come later", "${http.url}/x", "${http.url}/x"],
    ["the address of the server, which comes later", "${http.address}/x", "${http.address}/x"],
    ["shell code", 'echo "${HOME%/*}" ${var.} ${vars.x}', 'echo "${HOME%/*}" ${var.} ${vars.x}'],
    ["an escaped reference", "$${name}", "${name}"],
    ["an escaped reference of the installer", "$${http.url}", "${http.url}"],
  ])("fill in %s", (_, text, filled) => {
    expect(fill(text)).toBe(filled);
  });

  it("name a variable that is not declared", () => {
    expect(() => fill("${var.nope}")).toThrow("answers: ${var.nope} has no value");
  });

  it("leave bytes that are not text as they are", () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("${name}")]);
    expect(fill(bytes)).toBe(bytes.toString("latin1"));
  });

  it("take the installer's values, dollar signs included", () => {
    const filled = fillValues("a ${http.url} ${http.address} b ${ssh.publicKey} c ${other}", {
      "http.url": "http://h/$&",
      "http.address": "h/$&",
      "ssh.publicKey": "ssh-ed25519 A",
    });
    expect(filled).toBe("a http://h/$& h/$& b ssh-ed25519 A c ${other}");
  });
});
