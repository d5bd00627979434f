import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Secrets } from "../../../src/events/secrets.js";
import { shellQuote } from "../../../src/host/programs.js";

const SECRET = `p@ss "w'rd$1\\ü/+=&<x>`;

function masking(...values: string[]): Secrets {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  return secrets;
}

function bash(script: string, secret: string): string {
  return execFileSync("bash", ["-c", `exec 2>&1; ${script}`, "bash", secret], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
}

describe("a secret is masked", () => {
  const forms: [string, string][] = [
    ["as it is", SECRET],
    ["quoted for a shell", shellQuote(SECRET)],
    ["by bash -x", bash(`set -x; : "$1"`, SECRET)],
    ["by printf %q", bash(`printf '%q' "$1"`, SECRET)],
    ["in JSON", JSON.stringify({ token: SECRET })],
    ["in JSON inside JSON", JSON.stringify(JSON.stringify({ token: SECRET }))],
    ["in JSON of ASCII alone", JSON.stringify(SECRET).replace("ü", "\\u00fc")],
    ["in a URL", `https://x/?t=${encodeURIComponent(SECRET)}`],
    ["in a form", new URLSearchParams({ token: SECRET }).toString()],
    ["in a URL with lower-case escapes", encodeURIComponent(SECRET).toLowerCase()],
  ];
  it.each(forms)("%s", (_, text) => {
    const masked = masking(SECRET).mask(text);
    expect(masked).toContain("***");
    expect(masked).not.toMatch(/rd|p@ss|p%40ss|%22w|ü/i);
  });

  it.each([0, 1, 2, 3, 4, 5])("in base64, %i bytes into the text", (shift) => {
    for (const encoding of ["base64", "base64url"] as const) {
      const text = Buffer.from(`${"x".repeat(shift)}${SECRET}and more`).toString(encoding);
      const masked = masking(SECRET).mask(text);
      expect(masked).toContain("***");
      // Besides the mask, only the neighbours and the two characters shared with them remain.
      expect(masked.replace("***", "").length).toBeLessThanOrEqual(Math.ceil(shift / 3) * 4 + 14);
    }
  });

  it("in base64 that is wrapped at 76 columns", () => {
    const secret = Array.from({ length: 40 }, (_, index) => `part${index * 7919}`).join("-");
    const secrets = masking(secret);
    for (const line of bash(`printf '%s' "$1" | base64`, secret).trim().split("\n")) {
      expect(secrets.mask(line)).toMatch(/^\*{3}.{0,4}$/);
    }
  });

  it("line by line, where it has several lines", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const secrets = masking(pem);
    for (const line of pem.trim().split("\n"))
      expect(secrets.mask(`key: ${line}`)).toBe("key: ***");
    expect(secrets.mask(JSON.stringify(pem))).toBe('"***"');
  });

  it("without the newline that its file ended with", () => {
    expect(masking("abc\n").mask("token abc.")).toBe("token ***.");
  });

  it("completely, where two secrets overlap", () => {
    expect(masking("abcd", "cdefgh").mask("-abcdefgh-")).toBe("-***-");
  });

  it("everywhere in an event, except in the keywords of the event format", () => {
    const secrets = masking("output", "STEP_FAILED", "hunter22");
    expect(
      secrets.maskAll({
        type: "output",
        line: "output: hunter22",
        error: { code: "STEP_FAILED", details: { "hunter22-key": ["hunter22", 7, null] } },
      }),
    ).toEqual({
      type: "output",
      line: "***: ***",
      error: { code: "STEP_FAILED", details: { "***-key": ["***", 7, null] } },
    });
  });
});

describe("text without a secret stays as it is", () => {
  it("with no secrets, an empty one, or one of blanks", () => {
    expect(masking().mask("text")).toBe("text");
    expect(masking("", " \n").mask("a b")).toBe("a b");
  });

  it("next to a short secret, whose derived forms would be everywhere", () => {
    expect(masking("a\nxy").mask("xylophone a\nxy")).toBe("xylophone ***");
  });

  it("also when a secret holds half a surrogate pair", () => {
    expect(masking("broken\ud800secret").mask("fine")).toBe("fine");
  });
});
