#!/usr/bin/env node
/** The command line: commands, options, help. Each command's work is in a file of its own. */
import { createProgram } from "./program.js";

process.exitCode = await createProgram(process.argv.slice(2));
