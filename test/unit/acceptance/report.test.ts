import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  composeReport,
  formatJunit,
  resultLines,
  resultSentence,
} from "../../../src/acceptance/report.js";
import type { CheckResult } from "../../../src/acceptance/run.js";

const base = { kind: "http", durationMs: 1500, attempts: 1 } as const;
const good: CheckResult = { ...base, name: "HTTPS connectivity", ok: true };
const bad: CheckResult = {
  ...base,
  name: 'Auth <"rejection"> & more',
  ok: false,
  reason: "got HTTP 200, expected 401\u0007 \uD800",
  lines: ["]]> <b>", "two"],
};
const about = { name: "slm", version: "1.0.0", subject: "https://10.0.0.1", durationMs: 3000 };

describe("the report", () => {
  it("counts, and fails without any check", () => {
    expect(composeReport(about, [{ checks: [good, bad] }])).toMatchObject({
      ok: false,
      passed: 1,
      total: 2,
    });
    expect(composeReport(about, [{ checks: [good] }]).ok).toBe(true);
    expect(composeReport(about, []).ok).toBe(false);
  });

  it("has the lines of the seed's test script", () => {
    const report = composeReport(about, [{ checks: [good] }, { name: "again", checks: [good] }]);
    expect(resultLines(good)).toEqual(["[PASS] HTTPS connectivity"]);
    expect(resultLines({ ...good, detail: "3s" })).toEqual(["[PASS] HTTPS connectivity (3s)"]);
    expect(resultLines(bad)[0]).toMatch(/^\[FAIL\] Auth <"rejection"> & more -- got HTTP 200/);
    expect(resultSentence(report)).toBe("Result: 2/2 tests passed");
  });

  it("is well-formed JUnit, with any response of a server", () => {
    const report = composeReport(about, [
      { checks: [good, bad] },
      { name: "later", checks: [bad] },
    ]);
    const xml = formatJunit(report);
    // Python's parser is strict.
    const script = [
      "import sys, json, xml.etree.ElementTree as e",
      "r = e.fromstring(sys.stdin.buffer.read())",
      "print(json.dumps([[s.get('name'), s.get('tests'), s.get('failures'),",
      "  [[c.get('name'), c.get('time'), [[f.get('message'), f.text] for f in c]] for c in s]] for s in r]))",
    ].join("\n");
    const suites: unknown = JSON.parse(
      execFileSync("python3", ["-c", script], { input: xml, encoding: "utf8" }),
    );
    const message = "got HTTP 200, expected 401\uFFFD \uFFFD";
    const failed = [bad.name, "1.500", [[message, "]]> <b>\ntwo"]]];
    expect(suites).toEqual([
      ["slm", "2", "1", [["HTTPS connectivity", "1.500", []], failed]],
      ["slm, later", "1", "1", [failed]],
    ]);
  });
});
