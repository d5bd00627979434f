/** Measures the memory of an upload and a download of a sparse image in three parts. */
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import { formatManifest } from "../../src/artifact/manifest.js";
import { makeCliHome } from "./cli.js";
import type { CliHome } from "./cli.js";
import { startGithubServer } from "./github-server.js";
import type { GithubServer } from "./github-server.js";
import { exampleManifest } from "../unit/artifact/example.js";

/** Largest resident memory of each command, in MiB. */
export interface TransferPeaks {
  readonly upload: number;
  readonly download: number;
}

// The largest resident set of a process so far, by its own address space (proc(5)).
const REPORT_PEAK = `import { readFileSync, writeFileSync } from "node:fs";
process.on("exit", () => {
  const [, kib] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  writeFileSync(process.env.PEAK_FILE, kib);
});`;

/** Runs a command, and returns its largest resident memory in MiB. */
async function peakOf(home: CliHome, server: GithubServer, args: readonly string[]) {
  const file = join(home.folder, "peak");
  const env = {
    ...home.env,
    ...{ GITHUB_API_URL: server.origin, GITHUB_TOKEN: "writer" },
    ...{ NODE_OPTIONS: `--import ${join(home.folder, "peak.mjs")}`, PEAK_FILE: file },
  };
  const result = await home.runWith(env, ...args, "--store", "github:owner/images");
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return Number(await readFile(file, "utf8")) / 1024;
}

/**
 * Uploads a sparse image in parts, and downloads it; requires the same content, and holes.
 * @param partSize in bytes. The image has two and a half times as many.
 */
export async function measureTransfer(partSize: number): Promise<TransferPeaks> {
  await using home = await makeCliHome();
  await using server = await startGithubServer();
  const size = partSize * 2.5;
  await home.write({
    "peak.mjs": REPORT_PEAK,
    "appliances/demo/demo.json": { name: "demo", base: { bootstrap: { suite: "bookworm" } } },
    "output/demo/demo.qcow2": "first",
  });
  const image = join(home.folder, "output/demo/demo.qcow2");
  const file = await open(image, "r+");
  await file.truncate(size);
  for (const at of [partSize - 3, 2 * partSize, size - 4]) await file.write("data", at);
  await file.close();
  const sha256 = (await execa("sha256sum", ["--binary", image])).stdout.slice(0, 64);
  const described = { name: "demo.qcow2", format: "qcow2", size, virtualSize: size };
  const files = [{ ...described, checksums: { sha256 } }];
  const manifest = { ...exampleManifest(), inputs: [], name: "demo", files };
  await home.write({
    "output/demo/manifest.json": formatManifest(manifest),
    "output/demo/demo.qcow2.sha256": `${sha256}  demo.qcow2\n`,
  });

  const parts = ["--part-size", String(partSize)];
  const upload = await peakOf(home, server, ["release", "upload", "demo", "--execute", ...parts]);
  expect(server.names()).toEqual([
    ...["demo.qcow2.json", "demo.qcow2.partaa", "demo.qcow2.partab", "demo.qcow2.partac"],
    "demo.qcow2.sha256",
  ]);
  const download = await peakOf(home, server, ["images", "download", "demo", "--output", "in"]);
  // Its sha256 is verified before it gets its name.
  const joined = join(home.folder, "in/demo.qcow2");
  const sums = await readFile(`${joined}.sha256`, "utf8");
  expect(sums).toBe(`${sha256}  demo.qcow2\n`);
  expect((await stat(joined)).size).toBe(size);
  // Holes remain.
  expect((await execa("du", ["--block-size=1M", joined])).stdout).toMatch(/^\d\s/);
  return { upload, download };
}
