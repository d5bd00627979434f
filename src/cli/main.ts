#!/usr/bin/env node
/** Entry point of the command line. The work of each command is in a file of its own. */
import { writeSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { ERRORS } from "../errors.js";
import { oldNodeMessage } from "../host/node-version.js";
import { exitProcess } from "./exit.js";
import { createProgram, printFailure } from "./program.js";
import { useReliableFiles } from "./streams.js";

// An older version may hang before it reports anything.
const oldNode = oldNodeMessage();
if (oldNode !== undefined) {
  writeSync(2, `error: ${oldNode} [HOST_PROGRAM_MISSING]\n`);
  process.exit(ERRORS.HOST_PROGRAM_MISSING.exit);
}

// By default, V8 lets garbage grow in proportion to the host's memory. With these flags, a step
// that prints a gigabyte uses about 25 MB less and takes no longer.
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--optimize-for-size");

useReliableFiles();
const args = process.argv.slice(2);

/** Prints an error and ends the process with its exit code. */
async function failWith(error: unknown): Promise<never> {
  return exitProcess(await printFailure(error, args));
}

// An error that no code handles leaves the process in an unknown state, so the process ends; QEMU
// and all other programs end with it.
process.on("uncaughtException", (error) => void failWith(error));
await exitProcess(await createProgram(args));
