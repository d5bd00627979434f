import { describe, expect, it } from "vitest";
import { folderExpression, parseHostAddress, sshArguments } from "../../../src/hosts/address.js";

describe("parseHostAddress", () => {
  it.each([
    ["ssh://builder", { host: "builder", user: undefined, port: undefined, folder: undefined }],
    ["ssh://me@builder:2222/", { host: "builder", user: "me", port: 2222, folder: undefined }],
    ["ssh://me@[2001:db8::1]:22", { host: "2001:db8::1", user: "me", port: 22 }],
    ["ssh://b/srv/vm%20build/", { folder: "/srv/vm build" }],
    ["ssh://b/~/builds", { folder: "builds" }],
    ["SSH://b/~", { folder: undefined }],
  ])("reads %s", (text, expected) => {
    expect(parseHostAddress(text)).toMatchObject(expected);
  });

  it.each([
    "builder",
    "https://builder",
    "ssh://",
    "ssh://@builder",
    "ssh://me:secret@builder",
    "ssh://-oProxyCommand=x",
    "ssh://b$(x)",
    "ssh://b:0",
    "ssh://b:70000",
    "ssh://2001:db8::1",
    "ssh://b/%zz",
    "ssh://b/a%0ab",
  ])("refuses %s", (text) => {
    expect(() => parseHostAddress(text)).toThrow("is not the address of a host");
  });
});

it("names the host to ssh after its options", () => {
  const address = parseHostAddress("ssh://me@builder:2222");
  const args = sshArguments(address, false);
  expect(args.slice(-6)).toEqual(["-l", "me", "-p", "2222", "--", "builder"]);
  expect(args).toContain("-T");
  expect(sshArguments(address, true)).toContain("-t");
});

it("quotes the folder for a shell", () => {
  const folderOf = (text: string): string => folderExpression(parseHostAddress(text));
  expect(folderOf("ssh://b")).toBe('"${XDG_DATA_HOME:-$HOME/.local/share}/vmbuild"');
  expect(folderOf("ssh://b/srv/it's")).toBe("'/srv/it'\\''s'");
  expect(folderOf("ssh://b/~/a b")).toBe(`"$HOME"/'a b'`);
});
