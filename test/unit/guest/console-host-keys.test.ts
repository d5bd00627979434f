/** Host keys on the console. */
import { describe, expect, it } from "vitest";
import { shownHostKeys } from "../../../src/guest/console-host-keys.js";

const block = (...lines: string[]): string =>
  ["-----BEGIN SSH HOST KEY KEYS-----", ...lines, "-----END SSH HOST KEY KEYS-----", ""].join(
    "\r\n",
  );

describe("host keys on the console", () => {
  it("are those of the last boot, without control sequences", () => {
    const text = [
      block("ssh-rsa AAAAold root@host"),
      "[   12.3] cloud-init[700]: #####BEGIN SSH HOST KEY FINGERPRINTS#####",
      block(
        "\u001b[32mecdsa-sha2-nistp256 AAAAnew1= root@host\u001b[0m",
        "ssh-ed25519 AAAAnew2 root@host",
      ),
      "debian login: ",
    ].join("\r\n");
    expect(shownHostKeys(text)).toEqual(["AAAAnew1=", "AAAAnew2"]);
  });

  it.each([
    ["an empty console", ""],
    ["a block that is not complete yet", "-----BEGIN SSH HOST KEY KEYS-----\nssh-rsa AAAAx a\n"],
    ["keys outside the block", "ssh-ed25519 AAAAx root@host\n"],
  ])("are none on %s", (_, text) => {
    expect(shownHostKeys(text)).toEqual([]);
  });
});
