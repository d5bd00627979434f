/** Writes finished images into the home of commands, as a run leaves them. */
import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { formatManifest } from "../../src/artifact/manifest.js";
import type { ManifestFile } from "../../src/artifact/manifest.js";
import { exampleManifest } from "../unit/artifact/example.js";
import type { CliHome } from "./cli.js";

/** Returns the sha256 of content in hexadecimal. */
export function sha256Of(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

async function describe(home: CliHome, name: string, more: Partial<ManifestFile>): Promise<void> {
  const filename = `${name}-1.0.0.qcow2`;
  const path = join(home.folder, "output", name, filename);
  const content = await readFile(path);
  const sha256 = sha256Of(content);
  const { size } = await stat(path);
  const virtualSize = 2 ** 20;
  const file = {
    name: filename,
    format: "qcow2",
    size,
    virtualSize,
    checksums: { sha256 },
    ...more,
  };
  const manifest = { ...exampleManifest(), name, version: "1.0.0", files: [file] };
  await home.write({
    [`appliances/${name}/${name}.json`]: { name, version: "1.0.0", base: { path: "x" } },
    [`output/${name}/${filename}.sha256`]: `${sha256}  ${filename}\n`,
    [`output/${name}/manifest.json`]: formatManifest(manifest),
  });
}

/** Writes an artifact `output/NAME/NAME-1.0.0.qcow2` with any content, and its template. */
export async function writeArtifact(
  home: CliHome,
  name: string,
  content: string | Buffer,
): Promise<void> {
  const path = join(home.folder, "output", name, `${name}-1.0.0.qcow2`);
  await home.write({ [`output/${name}/manifest.json`]: "" });
  await writeFile(path, content);
  await describe(home, name, {});
}

/** Writes an artifact with a real, empty image that is compressed with zstd. */
export async function writeRealArtifact(home: CliHome, name: string): Promise<void> {
  const path = join(home.folder, "output", name, `${name}-1.0.0.qcow2`);
  await home.write({ [`output/${name}/manifest.json`]: "" });
  const options = ["-f", "qcow2", "-o", "compression_type=zstd"];
  await execa("qemu-img", ["create", ...options, path, "1M"]);
  await describe(home, name, { compression: "zstd" });
}
