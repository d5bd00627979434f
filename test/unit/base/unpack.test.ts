/** Packages that are unpacked, not installed. */
import { expect, it } from "vitest";
import { unpackArguments } from "../../../src/base/bootstrap/unpack.js";

const JOB = {
  suite: "bookworm",
  architecture: "amd64",
  packages: ["busybox-static", "kmod"],
  subject: "the live system",
  files: ["/srv/with space/make", "/srv/live"],
  script: "exec /bin/sh /make '(,gpt2)'",
  errors: "make:",
};
const PLACE = { mode: "unshare", tree: "/scratch/tree", workFolder: "/work" };

it("unpacks them without recommended ones, runs the script, and copies its results", () => {
  const args = unpackArguments(JOB, { ...PLACE, sources: "/scratch/host.sources" });
  expect(args).toContain("--variant=extract");
  expect(args).toContain("--include=busybox-static,kmod");
  expect(args).toContain('--aptopt=APT::Install-Recommends "false"');
  expect(args.filter((arg) => arg.startsWith("--extract-hook="))).toEqual([
    "--extract-hook=copy-in '/srv/with space/make' /srv/live /",
    `--extract-hook=chroot "$1" /bin/sh -c 'exec /bin/sh /make '\\''(,gpt2)'\\'''`,
    "--extract-hook=copy-out /out /work",
  ]);
  expect(args.slice(-3)).toEqual(["bookworm", "/scratch/tree", "/scratch/host.sources"]);
});

it("uses mmdebstrap's default mirror where the host has none", () => {
  expect(unpackArguments(JOB, { ...PLACE, sources: undefined }).at(-1)).toBe("/scratch/tree");
});
