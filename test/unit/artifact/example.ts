/** Manifest of an image `demo.qcow2` with the four bytes `new\n`. */
import type { Manifest } from "../../../src/artifact/manifest.js";

/** sha256 of `new\n`, from `printf 'new\n' | sha256sum`. */
export const NEW_SHA256 = "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c";

export function exampleManifest(): Manifest {
  return {
    manifestVersion: 1,
    name: "demo",
    version: "1.0.0",
    created: "2026-01-02T03:04:05.678Z",
    template: { path: "appliances/demo/demo.json", digest: `sha256:${"a".repeat(64)}` },
    base: { kind: "bootstrap", origin: "bookworm" },
    inputs: [{ name: "tools", origin: "https://example.org/tools.git", commit: "c0ffee" }],
    vmbuild: { version: "0.1.0" },
    qemu: { version: "7.2.22" },
    accelerator: "tcg",
    files: [
      {
        name: "demo.qcow2",
        format: "qcow2",
        compression: "zstd",
        size: 4,
        virtualSize: 2 ** 30,
        checksums: { sha256: NEW_SHA256 },
      },
    ],
    steps: [{ name: "packages", durationMs: 1234 }],
  };
}
