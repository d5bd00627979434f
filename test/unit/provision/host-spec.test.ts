import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import {
  isRecordName,
  parseHostSpec,
  recordName,
  sshCommand,
} from "../../../src/provision/host-spec.js";

const parse = (text: string) => {
  const { host, user, port } = parseHostSpec(text, "--host");
  return { host, user, port };
};

describe("parseHostSpec", () => {
  it.each([
    ["web1", { host: "web1" }],
    ["root@web1.example.org", { host: "web1.example.org", user: "root" }],
    ["root@10.0.0.1:2222", { host: "10.0.0.1", user: "root", port: 2222 }],
    ["2001:db8::1", { host: "2001:db8::1" }],
    ["me@[2001:db8::1]:22", { host: "2001:db8::1", user: "me", port: 22 }],
    ["fe80::1%eth0", { host: "fe80::1%eth0" }],
    ["DOMAIN@me@web1", { host: "web1", user: "DOMAIN@me" }],
    ["ssh://me@web1:2222/", { host: "web1", user: "me", port: 2222 }],
  ])("reads %s", (text, expected) => {
    expect(parse(text)).toEqual({ user: undefined, port: undefined, ...expected });
  });

  it.each([
    ["", "has no host"],
    ["root@", "has no host"],
    ["@web1", "has an empty user"],
    ["-oProxyCommand=touch", 'begins with "-"'],
    ["-l@web1", 'begins with "-"'],
    ["web1;reboot", "a character that no host has"],
    ["web1/path", "a character that no host has"],
    ["$(id)@web1", "a character that no user has"],
    ["web1:", "a port that is not a number"],
    ["web1:0", "a port that is not a number"],
    ["web1:65536", "a port that is not a number"],
    ["[::1]:ssh", "a port that is not a number"],
  ])("refuses %j", (text, problem) => {
    expect(() => parse(text)).toThrow(problem);
    expect(() => parse(text)).toThrow(VmbuildError);
  });
});

describe("sshCommand", () => {
  it("is the command that logs in to the machine", () => {
    const command = (text: string, file?: string) =>
      sshCommand(parseHostSpec(text, "--host"), file);
    expect(command("web1")).toBe("ssh web1");
    expect(command("root@[::1]:2222", "/etc/other")).toBe("ssh -F /etc/other -p 2222 root@::1");
  });
});

describe("recordName", () => {
  it("names a machine by its address and port, whoever logs in", () => {
    const name = (text: string) => recordName("demo", parseHostSpec(text, "--host"));
    expect(name("root@Web1.example.org")).toBe("demo@web1.example.org");
    expect(name("10.0.0.1:2222")).toBe("demo@10.0.0.1:2222");
    expect(name("fe80::1%eth0")).toBe("demo@fe80::1_eth0");
    expect(isRecordName(name("web1"))).toBe(true);
    expect(isRecordName("demo")).toBe(false);
  });
});
