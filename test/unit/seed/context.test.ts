/** Variables of the CONTEXT disk. The shell that reads them must not execute any value. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { contextAddress, contextScript, contextVariables } from "../../../src/seed/context.js";

const defaults = {
  hostname: "vmbuild-demo",
  mac: "52:54:00:00:00:01",
  publicKey: "ssh-ed25519 A k",
};

describe("contextVariables", () => {
  it("gives a fixed address on QEMU's network, a host name and a key", () => {
    const variables = contextVariables(defaults, {});
    expect(variables).toEqual({
      NETWORK: "YES",
      ETH0_MAC: "52:54:00:00:00:01",
      ETH0_METHOD: "static",
      ETH0_IP: "10.0.2.15",
      ETH0_MASK: "255.255.255.0",
      ETH0_NETWORK: "10.0.2.0",
      ETH0_GATEWAY: "10.0.2.2",
      ETH0_DNS: "10.0.2.3",
      SET_HOSTNAME: "vmbuild-demo",
      SSH_PUBLIC_KEY: "ssh-ed25519 A k",
    });
    expect(contextAddress(variables)).toBe("10.0.2.15");
  });

  it("prefers the user's values", () => {
    const own = { ETH0_IP: "10.0.2.77", SET_HOSTNAME: "copilot", ETH0_DNS: "", ONEAPP_X: "1" };
    expect(contextVariables(defaults, own)).toMatchObject(own);
  });

  it("sets no addresses where DHCP is used", () => {
    const variables = contextVariables(defaults, { ETH0_METHOD: "dhcp" });
    expect(Object.keys(variables)).toEqual([
      "NETWORK",
      "ETH0_MAC",
      "ETH0_METHOD",
      "SET_HOSTNAME",
      "SSH_PUBLIC_KEY",
    ]);
    expect(contextAddress(variables)).toBeUndefined();
  });

  it("does not configure the network if not requested", () => {
    const variables = contextVariables(defaults, { NETWORK: "NO" });
    expect(Object.keys(variables)).toEqual(["NETWORK", "SET_HOSTNAME", "SSH_PUBLIC_KEY"]);
  });

  it("adds its own key to the user's keys", () => {
    const { SSH_PUBLIC_KEY } = contextVariables(defaults, { SSH_PUBLIC_KEY: "ssh-rsa B mine" });
    expect(SSH_PUBLIC_KEY).toBe("ssh-rsa B mine\nssh-ed25519 A k");
  });

  it.each([
    [{ "A-B": "1" }, "A-B is not a valid name"],
    [{ "1A": "1" }, "1A is not a valid name"],
    [{ A: "a\0b" }, "The value of A contains a NUL"],
    [{ ETH0_IP: "192.168.1.5" }, "10.0.2.0/24"],
    [{ ETH0_IP: "10.0.2.2" }, "10.0.2.0/24"],
    [{ ETH0_IP: "10.0.2.255" }, "10.0.2.0/24"],
  ])("refuses %j", (own, words) => {
    expect(() => contextVariables(defaults, own)).toThrow(words);
  });
});

describe("contextScript", () => {
  it.each([
    ["a quote", "it's"],
    ["only quotes", "''''"],
    ["double quotes and backslashes", String.raw`"\" \\ \n`],
    ["a command", "$(touch /tmp/never) `id` ${HOME} $HOME"],
    ["an end and a command", "'; exit 7; '"],
    ["lines", "one\ntwo\n\nthree"],
    ["a line like an assignment", "x\nPATH='/nowhere'\n"],
    ["spaces, tabs and a return", "  a\tb \r "],
    ["history and globs", "!! * ? ~ #"],
    ["other letters", "ümläut ✓ 🎉"],
    ["nothing", ""],
  ])("keeps %s as it is in every shell", (_name, value) => {
    const script = contextScript({ BEFORE: "1", VALUE: value, AFTER: "2" });
    for (const shell of ["/bin/sh", "/bin/bash"]) {
      const command = `set -eu; . /dev/fd/3; printf '%s|%s|%s' "$BEFORE" "$VALUE" "$AFTER"`;
      const printed = execFileSync(
        "/bin/bash",
        ["-c", `exec ${shell} -c "$1" 3< <(printf '%s' "$2")`, "x", command, script],
        { encoding: "utf8" },
      );
      expect(printed).toBe(`1|${value}|2`);
    }
  });
});
