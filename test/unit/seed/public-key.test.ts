/** Keys as a template gives them. */
import ssh2 from "ssh2";
import { describe, expect, it } from "vitest";
import { makeBuildKeys, publicBlob } from "../../../src/seed/keys.js";
import {
  fingerprintOf,
  hostKeyFingerprint,
  privateKeyProblem,
} from "../../../src/seed/public-key.js";

const { host } = makeBuildKeys();
const FINGERPRINT = fingerprintOf(Buffer.from(publicBlob(host), "base64"));

describe("a host key", () => {
  it.each([
    ["a fingerprint", FINGERPRINT],
    ["a padded fingerprint", `${FINGERPRINT}=`],
    ["a public key with a comment", host.public],
    ["a public key without one", `ssh-ed25519 ${publicBlob(host)}`],
    ["with spaces around it", `\n ${FINGERPRINT} \n`],
  ])("is %s", (_, text) => {
    expect(hostKeyFingerprint(text)).toBe(FINGERPRINT);
  });

  it.each([
    ["nothing", ""],
    ["another digest", "MD5:aa:bb"],
    ["half a fingerprint", "SHA256:abc"],
    ["a private key", host.private],
  ])("is not %s", (_, text) => {
    expect(hostKeyFingerprint(text)).toBeUndefined();
  });
});

describe("a private key", () => {
  it("is usable", () => {
    expect(privateKeyProblem(host.private)).toBeUndefined();
  });

  it("needs no passphrase", () => {
    const options = { passphrase: "secret", cipher: "aes256-ctr", rounds: 16 };
    const { private: encrypted } = ssh2.utils.generateKeyPairSync("ed25519", options);
    expect(privateKeyProblem(encrypted)).toBe("is encrypted, and vmbuild has no passphrase for it");
  });

  it("is not a public key", () => {
    expect(privateKeyProblem(host.public)).toBe("is a public key");
  });

  it("is not some other text", () => {
    expect(privateKeyProblem("hello")).toMatch(/^is not a private key that ssh2 can read/);
  });
});
