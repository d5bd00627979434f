/** Defines the types that every command's file uses. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";

/** Receives the exit code of a command that has ended. */
export type SetExitCode = (code: number) => void;

/** Creates a command: its arguments, options, help text and action. */
export type DefineCommand = (
  setExitCode: SetExitCode,
  root: CommandUnknownOpts,
) => CommandUnknownOpts;
