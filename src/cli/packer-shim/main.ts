#!/usr/bin/env node
/** Entry point of `vmbuild-packer`, which scripts and CI call as `packer`. */
import { writeSync } from "node:fs";
import { asVmbuildError } from "../../errors.js";
import { oldNodeMessage } from "../../host/node-version.js";
import { exitProcess } from "../exit.js";
import { useReliableFiles, watchStream } from "../streams.js";
import { errorText } from "./diagnostics.js";

// An older version lacks functions that the modules imported below use while they are loaded.
const oldNode = oldNodeMessage();
if (oldNode !== undefined) {
  writeSync(2, `Error: ${oldNode}\n`);
  process.exit(1);
}

useReliableFiles();

async function failWith(thrown: unknown): Promise<never> {
  process.stderr.write(`Error: ${errorText(asVmbuildError(thrown))}\n`);
  return exitProcess(1);
}

// An error that no code handles leaves the process in an unknown state, so the process ends; QEMU
// and all other programs end with it.
process.on("uncaughtException", (error) => void failWith(error));
const stdout = watchStream(process.stdout);
watchStream(process.stderr);
try {
  const { runShim } = await import("./run.js");
  const exitCode = await runShim(process.argv.slice(2), {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    environment: process.env,
  });
  // Output that could not be written is a failure; a reader that went away is not.
  const failure = await stdout.finish();
  await exitProcess(failure === undefined ? exitCode : 1);
} catch (error) {
  await failWith(error);
}
