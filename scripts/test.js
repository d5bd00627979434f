#!/usr/bin/env node
/**
 * Runs test projects one after the other and ends with one line that sums them up:
 * `N passed, N failed`, or `N passed, N failed, N skipped`.
 *
 *   node scripts/test.js PROJECT...
 *
 * Exits 1 when a test failed, or when a project ran none.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");

/** What vitest's JSON reporter wrote, or undefined where it did not get that far. */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Runs one project; its own output goes to the terminal. */
function runProject(project, folder) {
  const report = join(folder, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status, signal } = spawnSync(
    process.execPath,
    [vitest, "run", "--project", project, ...reporters],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
  );
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    testResults = [],
  } = readReport(report) ?? {};
  // A file that could not be loaded has failed without a failed test.
  const broken = testResults.filter(
    (file) =>
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  let failed = numFailedTests + broken;
  if (failed === 0 && numPassedTests === 0) {
    console.log(`${project}: no test passed`);
    failed = 1;
  }
  if (failed === 0 && status !== 0) {
    console.log(`${project}: vitest ended with ${signal ?? `exit ${status}`}`);
    failed = 1;
  }
  return { project, passed: numPassedTests, failed, skipped: numPendingTests };
}

function sumUp({ passed, failed, skipped }) {
  const tail = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${passed} passed, ${failed} failed${tail}`;
}

const projects = process.argv.slice(2);
if (projects.length === 0) {
  console.error("usage: node scripts/test.js PROJECT...");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "vmbuild-test-"));
try {
  const results = projects.map((project) => runProject(project, folder));
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) {
    for (const key of Object.keys(total)) total[key] += result[key];
  }
  console.log(`\nNode ${process.version}`);
  for (const result of results) console.log(`${result.project}: ${sumUp(result)}`);
  console.log(sumUp(total));
  process.exitCode = total.failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
