#!/usr/bin/env node
/** The command line: commands, options, help. Each command's work is in a file of its own. */
import { setFlagsFromString } from "node:v8";
import { exitProcess } from "./exit.js";
import { createProgram, printFailure } from "./program.js";
import { useReliableFiles } from "./streams.js";

// V8 lets garbage grow to what a host with much memory has room for. A step that prints a gigabyte
// leaves some 25 MB less behind with these, and takes no longer.
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--optimize-for-size");

useReliableFiles();
const args = process.argv.slice(2);

/** Prints an error and ends the process with its exit code. */
async function failWith(error: unknown): Promise<never> {
  return exitProcess(await printFailure(error, args));
}

// What nobody waits for may fail too. The state of the process is unknown then; QEMU and every
// other program end with it.
process.on("uncaughtException", (error) => void failWith(error));
await exitProcess(await createProgram(args));
