/** Output has the forms of Packer that other programs parse. */
import { describe, expect, it } from "vitest";
import { buildLine } from "../../../../src/cli/packer-shim/build-lines.js";
import { formatPackerDuration } from "../../../../src/cli/packer-shim/durations.js";
import { formatMachineLine } from "../../../../src/cli/packer-shim/machine-lines.js";
import { printResults } from "../../../../src/cli/packer-shim/results.js";
import {
  buildColor,
  colored,
  createUi,
  targeted,
  timestamped,
} from "../../../../src/cli/packer-shim/ui.js";
import type { Ui } from "../../../../src/cli/packer-shim/ui.js";
import { VmbuildError } from "../../../../src/errors.js";
import { Secrets } from "../../../../src/events/secrets.js";

const NOW = new Date("2026-11-27T03:48:56.789Z");

function capture(isMachineReadable = false, secret = ""): { ui: Ui; text: () => string } {
  let written = "";
  const secrets = new Secrets();
  secrets.add(secret);
  const log = { add: () => {}, addShown: () => {}, [Symbol.dispose]: () => {} };
  const write = (text: string): void => void (written += text);
  const ui = createUi({ write, isMachineReadable, secrets, log, now: () => NOW });
  return { ui, text: () => written };
}

describe("machine-readable lines", () => {
  it("have a time in seconds, a target, a type, and escaped data", () => {
    const line = { target: "qemu.a", type: "artifact", data: ["0", "a,b\r\nc", "%"] };
    expect(formatMachineLine(line, NOW)).toBe(
      String.raw`1795751336,qemu.a,artifact,0,a%!(PACKER_COMMA)b\r\nc,%`,
    );
  });

  it("take the place of all other text, and hide secrets", () => {
    const { ui, text } = capture(true, "geheim");
    targeted(ui, "qemu.a").print("message", "hello, geheim");
    ui.print("error", "bad");
    ui.machine("error-count", ["1"]);
    expect(text()).toBe(
      "1795751336,,ui,message,    qemu.a: hello%!(PACKER_COMMA) ***\n" +
        "1795751336,,ui,error,bad\n" +
        "1795751336,,error-count,1\n",
    );
  });
});

describe("text", () => {
  it("has the name of the build before each line", () => {
    const { ui, text } = capture();
    targeted(ui, "qemu.debian").print("say", "one\ntwo");
    targeted(ui, "qemu.debian").print("message", "output");
    ui.machine("artifact-count", ["1"], "qemu.debian");
    expect(text()).toBe("==> qemu.debian: one\n==> qemu.debian: two\n    qemu.debian: output\n");
  });

  it("has Packer's colors, with errors in red, and times inside them", () => {
    const { ui, text } = capture();
    const first = colored(ui, buildColor(0));
    first.print("message", "a");
    first.print("error", "b");
    timestamped(colored(ui, buildColor(1)), () => NOW).print("say", "c");
    expect(text()).toMatch(
      // eslint-disable-next-line no-control-regex -- colors are control characters
      /^\u001b\[0;32ma\u001b\[0m\n\u001b\[1;31mb\u001b\[0m\n\u001b\[1;36m2026-11-2\dT\d\d:48:56(?:Z|[+-]\d\d:\d\d): c\u001b\[0m\n$/,
    );
  });

  it.each([
    [0, "0 microseconds"],
    [0.5, "500 microseconds"],
    [1000, "1 second"],
    [114.1, "114 milliseconds 100 microseconds"],
    [65_000, "1 minute 5 seconds"],
    [3_600_000 * 25, "1 day 1 hour"],
    [3_725_000, "1 hour 2 minutes"],
  ])("gives %d ms as %s", (milliseconds, text) => {
    expect(formatPackerDuration(milliseconds)).toBe(text);
  });
});

describe("events of a run", () => {
  it("become headings, output and errors", () => {
    const output = { type: "output", source: "guest", step: "a" } as const;
    const step = { step: "shell: apt-get update", index: 1, total: 3 };
    expect(buildLine({ type: "step.started", ...step })).toEqual({
      kind: "say",
      text: "Provisioning step 1 of 3: shell: apt-get update",
    });
    expect(buildLine({ ...output, stream: "stdout", line: "done" })?.kind).toBe("message");
    expect(buildLine({ ...output, stream: "stderr", line: "\u001b[31mbad" })).toEqual({
      kind: "error",
      text: "bad",
    });
    expect(buildLine({ type: "guest.ready", durationMs: 1, attempts: 1 })?.text).toBe(
      "Connected to SSH!",
    );
    expect(buildLine({ type: "phase.finished", phase: "boot", durationMs: 1 })).toBeUndefined();
  });
});

describe("the end of a build", () => {
  const image = (path: string) => ({
    path,
    size: 1,
    virtualSize: 1,
    checksums: {},
  });

  it("lists failed builds and artifacts", () => {
    const result = {
      name: "a",
      version: "1",
      upToDate: false,
      artifact: image("/srv/output-a/packer-a"),
      runFolder: "/srv/run",
      steps: [],
      warnings: [],
    };
    const error = new VmbuildError("STEP_FAILED", "The step failed", { hint: "Look, here." });
    const outcomes = [
      { id: "qemu.a", result },
      { id: "qemu.b", error },
    ];
    const machine = capture(true);
    printResults(outcomes, machine.ui);
    const lines = machine.text().replaceAll("1795751336,", "").split("\n");
    expect(lines).toEqual([
      ",error-count,1",
      String.raw`,ui,error,\n==> Some builds didn't complete successfully and had errors:`,
      String.raw`qemu.b,error,The step failed\n\nLook%!(PACKER_COMMA) here.`,
      String.raw`,ui,error,--> qemu.b: The step failed\n\nLook%!(PACKER_COMMA) here.`,
      String.raw`,ui,say,\n==> Builds finished. The artifacts of successful builds are:`,
      "qemu.a,artifact-count,1",
      "qemu.a,artifact,0,builder-id,transcend.qemu",
      "qemu.a,artifact,0,id,VM",
      "qemu.a,artifact,0,string,VM files in directory: /srv/output-a",
      "qemu.a,artifact,0,files-count,1",
      "qemu.a,artifact,0,file,0,/srv/output-a/packer-a",
      "qemu.a,artifact,0,end",
      ",ui,say,--> qemu.a: VM files in directory: /srv/output-a",
      "",
    ]);
    const plain = capture();
    printResults([{ id: "qemu.b", error }], plain.ui);
    expect(plain.text()).toContain("--> qemu.b: The step failed");
    expect(plain.text()).toContain("==> Builds finished but no artifacts were created.");
  });
});
