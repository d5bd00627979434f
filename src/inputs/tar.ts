/** Reads tar archives with GNU tar, because other programs read its sparse files incompletely. */
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";
import { memberIn } from "./archive.js";
import type { Archive, Member } from "./archive.js";
import { writeProgramOutput } from "./program-output.js";

/** Matches a line of tar's listing: `-rw-r--r-- 0/0  1234 2025-01-31 10:00:00 folder/name`. */
const TAR_LINE = /^-\S+ +\d+\/\d+ +(\d+) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (.+)$/;
/** Archives with more files do not contain a disk image. */
const MAX_MEMBERS = 100_000;

const environment = { LC_ALL: "C.UTF-8", TZ: "UTC0", TAR_OPTIONS: undefined };

/**
 * Opens a tar archive, which may be compressed in a format that tar supports.
 * @throws {VmbuildError} INPUT_UNPACK, HOST_PROGRAM_MISSING.
 */
export async function openTar(path: string, what: string, signal: AbortSignal): Promise<Archive> {
  const members: Member[] = [];
  const args = ["--list", "--verbose", "--full-time", "--numeric-owner", "--quoting-style=literal"];
  const result = await runProgram("tar", [...args, "--file", path, "--force-local"], {
    signal,
    processGroup: true,
    env: environment,
    onLine(line, stream) {
      const [, size = "", name = ""] = (stream === "stdout" ? TAR_LINE.exec(line) : null) ?? [];
      if (name !== "" && members.length < MAX_MEMBERS) members.push({ name, size: Number(size) });
    },
  });
  if (result.exitCode !== 0) {
    const message = `${what} could not be unpacked: tar failed with ${describeExit(result)}`;
    const lines = result.lastLines.filter((line) => line.startsWith("tar"));
    throw new VmbuildError("INPUT_UNPACK", message, { lines });
  }
  return {
    members,
    extract: ({ member, target, limit, beginning = false, signal: until }) =>
      writeProgramOutput({
        target,
        command: [
          "tar",
          "--extract",
          "--to-stdout",
          "--occurrence=1",
          "--no-wildcards",
          // Any name is allowed, because nothing is written under it.
          "--absolute-names",
          "--force-local",
          `--file=${path}`,
          "--",
          member.name,
        ],
        limit,
        beginning,
        what: memberIn(member.name, what),
        signal: until,
      }),
  };
}
