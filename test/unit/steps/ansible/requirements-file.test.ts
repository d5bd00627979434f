import { describe, expect, it } from "vitest";
import { parseRequirements } from "../../../../src/steps/ansible/requirements-file.js";

const labelsOf = (text: string) => parseRequirements(text)?.map(({ label }) => label);
const localOf = (text: string) => parseRequirements(text)?.map(({ isLocal }) => isLocal);

describe("parseRequirements", () => {
  it("reads both forms of the file, with names and versions", () => {
    expect(
      labelsOf("- geerlingguy.java\n- {src: 'https://x/r.git', name: r, version: v1}\n"),
    ).toEqual(["geerlingguy.java", "r v1"]);
    const both =
      "roles: [{role: a.b}, 'c.d,1.2']\ncollections: [{name: e.f, version: '>=8'}, g.h]\n";
    expect(labelsOf(both)).toEqual(["a.b", "c.d 1.2", "e.f >=8", "g.h"]);
  });

  it("recognises content that comes from a path of this host", () => {
    const text = `
roles: [{src: ./r.tar.gz}, {src: 'git+file:///srv/r'}, {src: 'https://x/r.tar.gz'}, {src: a.b}]
collections: [{name: /srv/c, type: dir}, {name: c, source: ../c.tar.gz}, {name: e.f, source: 'https://x'}]
`;
    expect(localOf(text)).toEqual([true, true, false, false, true, true, false]);
  });

  it.each(["a: [", "text", "roles: 1"])("leaves %j to ansible-galaxy", (text) => {
    expect(parseRequirements(text)).toBeUndefined();
  });

  it("reads an empty file", () => {
    expect(parseRequirements("roles:\n")).toEqual([]);
  });
});
