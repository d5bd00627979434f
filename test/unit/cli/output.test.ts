import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createOutput } from "../../../src/cli/output.js";
import type { OutputOptions } from "../../../src/cli/output-options.js";
import type { OutputHost, OutputStream } from "../../../src/cli/output.js";
import { VmbuildError } from "../../../src/errors.js";
import { Secrets } from "../../../src/events/secrets.js";
import { RecordingStream, eventAt } from "../events/support.js";

function setUp(options: OutputOptions = {}, env: OutputHost["env"] = {}, isTTY = false) {
  const stdout = new RecordingStream();
  const stderr = new RecordingStream();
  stdout.isTTY = isTTY;
  stderr.isTTY = isTTY;
  return { stdout, stderr, output: createOutput(options, { stdout, stderr, env }) };
}

describe("the output", () => {
  it.each<[OutputOptions["logFormat"], boolean, OutputHost["env"], string]>([
    ["auto", true, { TERM: "xterm" }, "terminal"],
    ["auto", false, { TERM: "xterm" }, "plain"],
    ["auto", true, { TERM: "dumb" }, "plain"],
    ["auto", true, { CI: "true" }, "plain"],
    ["auto", true, { CI: "" }, "terminal"],
    ["auto", true, { CI: "false" }, "terminal"],
    ["plain", true, {}, "plain"],
    ["terminal", false, {}, "terminal"],
    ["json", true, {}, "json"],
  ])("shows %s with isTTY %s and %j as %s", (logFormat, isTTY, env, format) => {
    expect(setUp({ logFormat }, env, isTTY).output.format).toBe(format);
  });

  it.each<[OutputOptions["color"], boolean, OutputHost["env"], boolean]>([
    ["auto", true, {}, true],
    ["auto", false, {}, false],
    ["auto", true, { TERM: "dumb" }, false],
    ["auto", true, { NO_COLOR: "1" }, false],
    ["auto", true, { NO_COLOR: "" }, true],
    ["auto", false, { FORCE_COLOR: "1" }, true],
    ["auto", true, { FORCE_COLOR: "0" }, false],
    ["auto", true, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    ["always", false, { NO_COLOR: "1" }, true],
    ["never", true, { FORCE_COLOR: "1" }, false],
  ])("colours %s with isTTY %s and %j: %s", (color, isTTY, env, expected) => {
    expect(setUp({ color }, env, isTTY).output.color).toBe(expected);
  });

  it.each(["plain", "json", "terminal"] as const)(
    "makes a %s sink on stderr",
    async (logFormat) => {
      const { stdout, stderr, output } = setUp({ logFormat });
      const sink = await output.createSink();
      sink.handle(eventAt(0, { type: "note", message: "hello there" }));
      await sink.close();
      expect(stderr.text).toContain("hello there");
      expect(stdout.text).toBe("");
    },
  );

  it("writes results to stdout and progress to stderr", () => {
    const { stdout, stderr, output } = setUp();
    output.printJson({ path: "/out/\u009bx" });
    output.print("text");
    output.log("story");
    expect(stdout.text).toBe('{"path":"/out/\\u009bx"}\ntext\n');
    expect(stderr.text).toBe("story\n");
  });

  it("reports VmbuildErrors, and defects with their stack", () => {
    const { stderr, output } = setUp();
    const error = new VmbuildError("TEMPLATE_INVALID", "demo.json has 2 errors\nin all", {
      hint: "Correct them.",
      lines: ["3:4 name: required", "9:1 steps: empty"],
    });
    output.printError(error);
    expect(stderr.lines).toEqual([
      "error: demo.json has 2 errors [TEMPLATE_INVALID]",
      "  in all",
      "  3:4 name: required",
      "  9:1 steps: empty",
      "hint: Correct them.",
    ]);
    stderr.text = "";
    output.printError(new TypeError("x is undefined"));
    expect(stderr.text).toMatch(/^error: x is undefined \[DEFECT\]\n {2}at .*output\.test/);
  });

  it("masks secrets in errors, and writes only JSON to stderr for programs", () => {
    const secrets = new Secrets();
    secrets.add("hunter22");
    const { stderr, output } = setUp({ logFormat: "json" });
    output.log("not for programs");
    output.printError(new VmbuildError("USAGE", "no option --hunter22", { hint: "h" }), secrets);
    expect(JSON.parse(stderr.text)).toMatchObject({
      v: 1,
      type: "error",
      error: { code: "USAGE", exit: 2, message: "no option --***", hint: "h" },
    });
  });

  it("does not crash when a reader exits, and reports that of stdout", async () => {
    const broken = (): OutputStream =>
      new Writable({
        write: (_chunk, _encoding, done) =>
          done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
      });
    const output = createOutput({}, { stdout: broken(), stderr: broken(), env: {} });
    output.print("to nobody");
    output.log("to nobody");
    await new Promise(setImmediate);
    expect(output.stdoutGone.aborted).toBe(true);
    output.print("again");
    output.printError(new VmbuildError("USAGE", "again"));
    await new Promise(setImmediate);
  });
});
