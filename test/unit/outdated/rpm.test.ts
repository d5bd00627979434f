/** Metadata of rpm repositories. */
import { expect, it } from "vitest";
import { PrimaryReader, parseRepomd } from "../../../src/outdated/rpm-packages.js";
import { XmlReader } from "../../../src/outdated/xml.js";
import type { XmlElement } from "../../../src/outdated/xml.js";

it("is read from XML that arrives in pieces, with entities, comments and sections", () => {
  const text = `<?xml version="1.0"?><!DOCTYPE a><a x="1 &gt; 0" y='"'><!-- <b> --><b/>
    t &amp; &#x41;&#66;<![CDATA[<c>]]></a>`;
  for (const size of [1, 7, text.length]) {
    const found: XmlElement[] = [];
    const reader = new XmlReader((element) => found.push(element));
    for (let at = 0; at < text.length; at += size) reader.write(text.slice(at, at + size));
    expect(reader.end()).toBe(true);
    expect(found).toEqual([
      { path: "/a/b", attributes: {}, text: "" },
      { path: "/a", attributes: { x: "1 > 0", y: '"' }, text: "t & AB<c>" },
    ]);
  }
});

it("is not accepted when it is cut, or has weak checksums", () => {
  const data = (type: string): string =>
    `<repomd><data type="primary"><checksum type="${type}">AB</checksum><location href="p.xml"/>
      <timestamp>1700000000</timestamp></data></repomd>`;
  expect(parseRepomd(data("sha256"))).toEqual({
    ...{ path: "p.xml", sum: { algorithm: "sha256", hex: "ab" } },
    made: "2023-11-14T22:13:20.000Z",
  });
  expect(parseRepomd(data("sha"))).toBeUndefined();
  expect(parseRepomd(data("sha256").slice(0, -9))).toBeUndefined();
});

it("has the newest version of each package, without sources and modules", () => {
  const one = (name: string, arch: string, rest: string): string =>
    `<package type="rpm"><name>${name}</name><arch>${arch}</arch><version ${rest}/>
      <format><rpm:provides><rpm:entry name="other" ver="9"/></rpm:provides></format></package>`;
  const reader = new PrimaryReader();
  const packages = [
    one("tool", "x86_64", 'epoch="0" ver="1.10" rel="1"'),
    one("tool", "x86_64", 'epoch="0" ver="1.9" rel="5"'),
    one("tool", "i686", 'epoch="2" ver="1" rel="1"'),
    one("tool", "src", 'epoch="0" ver="2" rel="1"'),
    one("node", "x86_64", 'epoch="1" ver="20" rel="1.module+el8+1"'),
  ];
  for (const line of `<metadata>${packages.join("")}</metadata>`.split("\n")) reader.line(line);
  expect(reader.end()).toEqual(
    new Map([
      [
        "tool",
        new Map([
          ["x86_64", "1.10-1"],
          ["i686", "2:1-1"],
        ]),
      ],
    ]),
  );
});
