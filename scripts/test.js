#!/usr/bin/env node
/**
 * Runs test projects one after the other. Ends with the tests that failed, a line for each project,
 * and one line that sums them up: `N passed, N failed`, or `N passed, N failed, N skipped`.
 *
 *   node scripts/test.js PROJECT...
 *
 * Exits 1 when a test failed, or when a project ran none.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");

/** What is shown of a failed test's message: lines, and characters of each. */
const MESSAGE_LINES = 20;
const LINE_LENGTH = 240;

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
  const failures = listFailures(testResults);
  // A file that could not be loaded has failed without a failed test.
  let failed = Math.max(numFailedTests, failures.length);
  if (failed === 0 && numPassedTests === 0) {
    failures.push(`${project}: no test passed`);
    failed = 1;
  }
  if (failed === 0 && status !== 0) {
    failures.push(`${project}: vitest ended with ${signal ?? `exit ${status}`}`);
    failed = 1;
  }
  return { project, passed: numPassedTests, failed, skipped: numPendingTests, failures };
}

/** Where a test failed, its name, and the beginning of its message, for each that failed. */
function listFailures(testResults) {
  return testResults
    .filter((file) => file.status === "failed")
    .flatMap((file) => {
      const path = relative(root, file.name);
      const tests = file.assertionResults.filter((test) => test.status === "failed");
      if (tests.length === 0) return [`${path}\n${beginning(file.message)}`];
      return tests.map(
        (test) => `${path}: ${test.fullName}\n${beginning(test.failureMessages.join("\n"))}`,
      );
    });
}

/** The first lines of a message, without vitest's own frames and a terminal's escape sequences. */
function beginning(message) {
  return stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => !/^\s+at .*(node_modules|new Promise)/.test(line))
    .slice(0, MESSAGE_LINES)
    .map((line) => `    ${line.slice(0, LINE_LENGTH)}`)
    .join("\n");
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
  for (const { failures } of results) {
    for (const failure of failures) console.log(`\nFailed: ${failure}`);
  }
  console.log(`\nNode ${process.version}`);
  for (const result of results) console.log(`${result.project}: ${sumUp(result)}`);
  console.log(sumUp(total));
  process.exitCode = total.failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
