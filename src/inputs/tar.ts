/** Tar archives, read by GNU tar: other readers take its sparse files for shorter ones. */
import { VmbuildError } from "../errors.js";
import { endOf, runProgram } from "../host/programs.js";
import { memberIn } from "./archive.js";
import type { Archive, Member } from "./archive.js";
import { pour } from "./pour.js";

/** `-rw-r--r-- 0/0  1234 2025-01-31 10:00:00 folder/name`, as tar prints it. */
const TAR_LINE = /^-\S+ +\d+\/\d+ +(\d+) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (.+)$/;
/** Nobody puts a disk image among more files than this. */
const MOST_MEMBERS = 100_000;

const environment = { LC_ALL: "C.UTF-8", TZ: "UTC0", TAR_OPTIONS: undefined };

/**
 * Opens a tar archive, which may be compressed in a form that tar itself knows.
 * @throws {VmbuildError} INPUT_UNPACK, HOST_PROGRAM_MISSING.
 */
export async function openTar(path: string, what: string, signal: AbortSignal): Promise<Archive> {
  const members: Member[] = [];
  const args = ["--list", "--verbose", "--full-time", "--numeric-owner", "--quoting-style=literal"];
  const result = await runProgram("tar", [...args, "--file", path, "--force-local"], {
    signal,
    wholeGroup: true,
    env: environment,
    onLine(line, stream) {
      const [, size = "", name = ""] = (stream === "stdout" ? TAR_LINE.exec(line) : null) ?? [];
      if (name !== "" && members.length < MOST_MEMBERS) members.push({ name, size: Number(size) });
    },
  });
  if (result.exitCode !== 0) {
    const message = `${what} could not be unpacked: tar failed with ${endOf(result)}`;
    const lines = result.lastLines.filter((line) => line.startsWith("tar"));
    throw new VmbuildError("INPUT_UNPACK", message, { lines });
  }
  return {
    members,
    extract: ({ member, target, limit, beginning = false, signal: until }) =>
      pour({
        target,
        command: [
          "tar",
          "--extract",
          "--to-stdout",
          "--occurrence=1",
          "--no-wildcards",
          // Nothing is written under that name, so it may be any.
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
