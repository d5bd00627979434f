/** Addresses and known host keys. */
import { createHmac } from "node:crypto";
import { userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { formatSshAddress, parseSshAddress } from "../../../src/publish/ssh/address.js";
import { hostKeyAlgorithms, refuseHostKey } from "../../../src/publish/ssh/host-key.js";
import { knownName, parseKnownHosts } from "../../../src/publish/ssh/known-hosts.js";

describe("parseSshAddress", () => {
  it.each([
    ["ssh://root@pve/srv/a.img", { user: "root", host: "pve", port: 22, path: "/srv/a.img" }],
    ["ssh://pve:2222/srv/", { user: userInfo().username, host: "pve", port: 2222, path: "/srv/" }],
    ["ssh://u@[fd00::1]/x%20y", { user: "u", host: "fd00::1", port: 22, path: "/x y" }],
    ["ssh://u@h/~/images/", { user: "u", host: "h", port: 22, path: "images/" }],
  ])("reads %s", (text, address) => {
    expect(parseSshAddress(text)).toEqual(address);
    expect(parseSshAddress(formatSshAddress(address, address.path).replace(" ", "%20"))).toEqual(
      address,
    );
  });

  it.each([
    ["ssh://host", "it names no folder or file"],
    ["ssh:///srv", "it is not a valid address"],
    ["ssh://u:secret@host/srv", "a password in an address"],
    ["ssh://host/a%zz", "a percent sign"],
    ["ssh://host/a?b", "? and # must be encoded"],
  ])("refuses %s", (text, words) => {
    const parse = (): unknown => parseSshAddress(text);
    expect(parse).toThrow(VmbuildError);
    expect(parse).toThrow(words);
  });
});

/** Blob of a key: its type, and some bytes. */
function blob(type: string, content: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(content)]);
}

describe("parseKnownHosts", () => {
  const salt = Buffer.alloc(20, 7).toString("base64");
  const hash = createHmac("sha1", Buffer.from(salt, "base64")).update("[h]:2222").digest("base64");
  const text = [
    "# a comment",
    "h,other.example.org ssh-ed25519 AAAA comment",
    "*.example.org,!bad.example.org ssh-rsa BBBB",
    `|1|${salt}|${hash} ssh-ed25519 CCCC`,
    "@revoked h ssh-ed25519 DDDD",
    "@cert-authority * ssh-ed25519 EEEE",
    "",
  ].join("\n");
  const keysOf = (host: string, port: number): string[] =>
    parseKnownHosts(text, "f", knownName(host, port)).map(
      ({ key, place, isRevoked }) => `${key} ${place}${isRevoked ? " revoked" : ""}`,
    );

  it("finds names, patterns, hashed names and revoked keys", () => {
    expect(keysOf("H", 22)).toEqual(["AAAA f:2", "DDDD f:5 revoked"]);
    expect(keysOf("other.example.org", 22)).toEqual(["AAAA f:2", "BBBB f:3"]);
    expect(keysOf("bad.example.org", 22)).toEqual([]);
    expect(keysOf("h", 2222)).toEqual(["CCCC f:4"]);
  });
});

describe("refuseHostKey", () => {
  const address = { user: "u", host: "h", port: 2222, path: "/" };
  const key = blob("ssh-ed25519", "key");
  const known = (content: string, isRevoked = false, type = "ssh-ed25519") => ({
    place: "known_hosts:3",
    type,
    key: blob(type, content).toString("base64"),
    isRevoked,
  });

  it("accepts a known key alone", () => {
    expect(refuseHostKey(key, [known("old"), known("key")], address)).toBeUndefined();
    const revoked = refuseHostKey(key, [known("key"), known("key", true)], address);
    expect(revoked?.message).toContain("is revoked (known_hosts:3): ssh-ed25519 SHA256:");
    const changed = refuseHostKey(key, [known("old")], address);
    expect(changed?.message).toContain("h, port 2222 presented another host key");
    expect(changed?.lines).toEqual(["known from known_hosts:3"]);
    const unknown = refuseHostKey(key, [known("key", false, "ssh-rsa")], address);
    expect(unknown?.message).toContain("The host key of h, port 2222 is not known: ssh-ed25519");
    expect(unknown?.hint).toContain("ssh-keyscan -t ed25519 -p 2222 h >> ~/.ssh/known_hosts");
  });

  it("asks the server for a key of a known type first", () => {
    expect(hostKeyAlgorithms([known("key", false, "ssh-rsa")]).slice(0, 2)).toEqual([
      "rsa-sha2-512",
      "rsa-sha2-256",
    ]);
    expect(hostKeyAlgorithms([])[0]).toBe("ssh-ed25519");
  });
});
