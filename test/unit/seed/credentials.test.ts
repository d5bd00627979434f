/** Strings for the SMBIOS table, from which systemd takes the build's keys. */
import { describe, expect, it } from "vitest";
import { credentialString, credentialsSeed } from "../../../src/seed/credentials.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";

const decode = (text: string): string => Buffer.from(text, "base64").toString();

describe("credentialString", () => {
  const keys = makeBuildKeys();
  const text = credentialString(keys);

  it("is one string of a credential, below the size of an SMBIOS table", () => {
    expect(text).toMatch(/^io\.systemd\.credential\.binary:tmpfiles\.extra=[A-Za-z0-9+/=]+$/);
    expect(text.length).toBeLessThan(8192);
  });

  it("creates the build's keys as private files of root, and replaces none", () => {
    const lines = decode(text.split("=").slice(1).join("=")).trimEnd().split("\n");
    const files = lines.slice(1).map((line) => {
      const [type, path, mode, user, group, age, content = ""] = line.split(" ");
      return { file: [type, path, mode, user, group, age].join(" "), content: decode(content) };
    });
    expect(lines[0]).toBe("d /root/.ssh 0700 root root - -");
    expect(files).toEqual([
      {
        file: "f~ /root/.ssh/authorized_keys 0600 root root -",
        content: `${keys.client.public}\n`,
      },
      { file: "f~ /etc/ssh/ssh_host_ed25519_key 0600 root root -", content: keys.host.private },
      {
        file: "f~ /etc/ssh/ssh_host_ed25519_key.pub 0644 root root -",
        content: `${keys.host.public}\n`,
      },
    ]);
  });
});

describe("credentialsSeed", () => {
  it("puts no key into QEMU's argument list", () => {
    expect(credentialsSeed(252).media).toEqual({ smbios: true });
  });

  it("stops the unit that generates host keys where systemd can extend units", () => {
    const [value = ""] = credentialsSeed(256).media.smbiosValues ?? [];
    const [name, content = ""] = value.split(/=(.*)/s);
    expect(name).toBe("io.systemd.credential.binary:systemd.unit-dropin.sshd-keygen.service");
    expect(decode(content)).toContain("ConditionPathExists=/run/vmbuild/never");
  });
});
