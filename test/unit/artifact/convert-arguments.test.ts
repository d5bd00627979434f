import { describe, expect, it } from "vitest";
import { compressionOf } from "../../../src/artifact/compact.js";
import type { CompactOptions } from "../../../src/artifact/compact.js";
import { qcow2 } from "../../../src/artifact/formats/qcow2.js";
import { raw } from "../../../src/artifact/formats/raw.js";

type Choice = Pick<CompactOptions, "format" | "compression" | "reproducible">;

/** Returns the arguments for the settings of a template. */
function convertArguments(
  choice: Choice & Pick<CompactOptions, "source" | "destination">,
): string[] {
  const { format, ...rest } = choice;
  const asked = compressionOf(format, rest.compression);
  if (format === "raw" && asked === "none") {
    return raw.argumentsOf({ ...rest, compression: asked });
  }
  const compression = qcow2.compressions.find((known) => known === asked) ?? "none";
  return qcow2.argumentsOf({ ...rest, compression });
}

const ROWS: [why: string, choice: Choice, flags: string][] = [
  [
    "the default: parallel, out of order",
    { format: "qcow2", compression: "zstd", reproducible: false },
    "-f qcow2 -O qcow2 -c -o compression_type=zstd -W -m 16",
  ],
  [
    "zlib is qcow2's own default type, which the oldest readers know",
    { format: "qcow2", compression: "zlib", reproducible: false },
    "-f qcow2 -O qcow2 -c -W",
  ],
  [
    "nothing compressed",
    { format: "qcow2", compression: "none", reproducible: false },
    "-f qcow2 -O qcow2 -W -m 16",
  ],
  [
    "reproducible: in order, so nothing depends on which thread is ready first",
    { format: "qcow2", compression: "zstd", reproducible: true },
    "-f qcow2 -O qcow2 -c -o compression_type=zstd",
  ],
  [
    "raw cannot be compressed, whatever the setting",
    { format: "raw", compression: "zstd", reproducible: true },
    "-f qcow2 -O raw",
  ],
];

describe("convertArguments", () => {
  it.each(ROWS)("%s", (_why, choice, flags) => {
    const args = convertArguments({ ...choice, source: "/d/disk.qcow2", destination: "/o/.x" });
    expect(args.join(" ")).toBe(`convert -p ${flags} /d/disk.qcow2 /o/.x`);
  });

  it("makes names absolute, since qemu-img treats a:b as a protocol", () => {
    const choice: Choice = { format: "raw", compression: "none", reproducible: true };
    const args = convertArguments({ ...choice, source: "a:b.qcow2", destination: "c:d" });
    expect(args.slice(-2)).toEqual([`${process.cwd()}/a:b.qcow2`, `${process.cwd()}/c:d`]);
  });
});
