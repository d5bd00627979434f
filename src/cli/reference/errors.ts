/** docs/errors.md, from the table of errors. */
import { ERRORS } from "../../errors.js";
import { cell, code, GENERATED, table } from "./markdown.js";

/** What each exit code stands for. */
const EXITS: Readonly<Record<number, string>> = {
  0: "done",
  1: "a defect in vmbuild",
  2: "usage, or an invalid template",
  3: "the host is not ready: a missing program, KVM, space",
  4: "an input or base: download, checksum, signature, bootstrap",
  5: "the machine: QEMU did not start, or died",
  6: "the guest: no SSH in time, wrong host key, connection lost",
  7: "a step failed or ran out of time",
  8: "a check failed: post-condition, sealing, acceptance",
  9: "the artifact: conversion, hashing, no space",
  130: "interrupted (Ctrl-C)",
  143: "asked to end (SIGTERM)",
};

/** The page. */
export function errorsPage(): string {
  const entries = Object.entries(ERRORS);
  const exits = [...new Set(entries.map(([, { exit }]) => exit))];
  const sections = exits.flatMap((exit) => [
    `### Exit ${exit}: ${EXITS[exit] ?? ""}`,
    table(
      ["Code", "Meaning", "What to do"],
      entries
        .filter(([, entry]) => entry.exit === exit)
        .map(([name, { meaning, remedy }]) => [code(name), cell(meaning), cell(remedy)]),
    ),
  ]);
  return `${[
    "# Errors",
    GENERATED,
    "Every error has a code, says what happened and where, and what to do next. The code is in the " +
      "message, in `--json`, and in the `run.failed` event ([events.md](events.md)); the exit code " +
      "of the process follows from it.",
    "## Exit codes",
    table(
      ["Exit", "Meaning"],
      Object.entries(EXITS).map(([exit, meaning]) => [exit, meaning]),
    ),
    "`vmbuild ssh NAME -- COMMAND` passes on the exit code of the command instead.",
    "## Codes",
    ...sections,
  ].join("\n\n")}\n`;
}
