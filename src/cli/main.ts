#!/usr/bin/env node
/** The command line: commands, options, help. Each command's work is in a file of its own. */
import { setFlagsFromString } from "node:v8";
import { createProgram } from "./program.js";

// V8 lets its young generation grow to 48 MiB before it collects what a chatty step leaves there;
// kept small, it takes no longer.
setFlagsFromString("--semi-space-growth-factor=1");

process.exitCode = await createProgram(process.argv.slice(2));
