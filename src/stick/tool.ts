/** Runs a program that makes a part of a stick. */
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { describeExit, runProgram } from "../host/programs.js";

/**
 * Runs a program to its end.
 * @throws {VmbuildError} ARTIFACT_STICK with its last lines when it fails; HOST_PROGRAM_MISSING.
 */
export async function runTool(
  file: string,
  args: readonly string[],
  { emit, signal, input }: { emit: Emit; signal: AbortSignal; input?: string },
): Promise<void> {
  const result = await runProgram(file, args, {
    signal,
    ...(input === undefined ? {} : { input }),
    onLine: (line, stream) => emit({ type: "output", source: file, stream, line }),
  });
  if (result.exitCode === 0) return;
  throw new VmbuildError("ARTIFACT_STICK", `${file} failed (${describeExit(result)})`, {
    lines: result.lastLines,
  });
}
