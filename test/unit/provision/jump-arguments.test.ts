import { describe, expect, it } from "vitest";
import { parseHostSpec } from "../../../src/provision/host-spec.js";
import { jumpArguments } from "../../../src/provision/ssh/proxy.js";

const jump = (hops: string[], acceptNew = false, configFile?: string) =>
  jumpArguments(
    hops.map((hop) => parseHostSpec(hop, "ProxyJump")),
    "[10.0.0.9]:22",
    { configFile, acceptNew },
  );

describe("jumpArguments", () => {
  it("connects through a jump host, with its user, its port and the same configuration", () => {
    const args = jump(["me@jump:2222"], false, "/etc/other");
    expect(args.slice(0, 6)).toEqual(["-F", "/etc/other", "-l", "me", "-p", "2222"]);
    expect(args.slice(-4)).toEqual(["-W", "[10.0.0.9]:22", "--", "jump"]);
    expect(args).toContain("BatchMode=yes");
    expect(args.join(" ")).not.toContain("StrictHostKeyChecking");
  });

  it("passes several jump hosts in order, each of which fills in the next one's address", () => {
    const args = jump(["a", "b", "c"], true);
    const proxy = args.find((word) => word.startsWith("ProxyCommand="));
    expect(args.at(-1)).toBe("c");
    // What ssh to c runs after it has filled in its own tokens: ssh to b, which runs ssh to a.
    const toB = proxy?.replace("ProxyCommand=", "").replaceAll("%%", "\0");
    expect(toB).toMatch(/ -W '\[%h\]:%p' -- b$/);
    expect(toB).toMatch(/\[\0h\]:\0p/);
    expect(args.filter((word) => word === "StrictHostKeyChecking=accept-new")).toHaveLength(1);
    expect(proxy?.match(/StrictHostKeyChecking=accept-new/g)).toHaveLength(2);
  });
});
