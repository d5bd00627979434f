import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunResult } from "../../../src/events/result.js";
import type { EventBody } from "../../../src/events/types.js";
import { runAfter } from "../../../src/run/after.js";
import { writePublishedRecord } from "../../../src/run/checkpoints/published.js";
import type { RunContext } from "../../../src/run/context.js";
import { loadTemplate } from "../../../src/template/load.js";
import { errorOf } from "../../support/inputs.js";

let folder: string;
let events: EventBody[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-after-"));
  events = [];
});
afterEach(() => rm(folder, { recursive: true }));

const SHA256 = "ab".repeat(32);
const published = (): string => join(folder, "published.json");
const image = (): string => join(folder, "out of it", "demo-1.qcow2");

/** Publishes an image, as a run does before these commands. */
async function publish(): Promise<RunResult> {
  const artifact = { path: image(), size: 1, virtualSize: 1, checksums: { sha256: SHA256 } };
  const manifest = join(folder, "out of it", "manifest.json");
  await mkdir(join(folder, "out of it"), { recursive: true });
  await writeFile(image(), "x");
  const record = { key: "k", artifact, otherArtifacts: [], manifest, outputs: "o", steps: [] };
  await writePublishedRecord(published(), record, [image()]);
  const result = { name: "demo", version: "1", upToDate: false, runFolder: folder };
  return { ...result, artifact, manifest, steps: [], warnings: [] };
}

async function run(after: readonly object[], result: RunResult): Promise<void> {
  const path = join(folder, "demo.json");
  await writeFile(path, JSON.stringify({ name: "demo", base: { path: "x" }, after }));
  const context = {
    template: await loadTemplate(path),
    output: { images: [{ path: image(), format: "qcow2" }] },
    workspace: { build: { published: published() } },
    options: { signal: new AbortController().signal },
    emit: (event: EventBody) => void events.push(event),
    phase: (_name: string, work: () => Promise<void>) => work(),
  };
  await runAfter(context as unknown as RunContext, result);
}

const printed = (): string[] =>
  events.flatMap((event) => (event.type === "output" ? [event.line] : []));

describe("commands after the publication", () => {
  it("run in the template's folder, with references and variables of the image", async () => {
    await run(
      [
        {
          run: [
            'pwd; cat "${image.path}"; echo " ${image.name} ${image.format} ${image.sha256}"',
            'echo "$VMBUILD_IMAGE_SHA256 ${VMBUILD_IMAGE_PATH##*/} ${VMBUILD_IMAGE_MANIFEST##*/}"',
            "echo '$${image.path}' $OWN; cat",
          ],
          environment: { OWN: "of ${image.name}" },
        },
        { run: "echo second" },
      ],
      await publish(),
    );
    expect(printed()).toEqual([
      folder,
      `x demo-1.qcow2 qcow2 ${SHA256}`,
      `${SHA256} demo-1.qcow2 manifest.json`,
      "${image.path} of demo-1.qcow2",
      "second",
    ]);
  });

  it("run once for an image, and again where they failed or changed", async () => {
    const result = await publish();
    const kept = { ...result, upToDate: true };
    const count = [{ run: "echo ran; test -e pass" }];
    const error = await errorOf(run(count, result));
    expect(error).toMatchObject({ code: "AFTER_FAILED", exitCode: 9, lines: ["ran"] });
    expect(error.message).toBe(
      `after 1: echo ran; test -e pass failed with exit code 1; the image is published as ${image()}`,
    );
    expect(await readFile(image(), "utf8")).toBe("x");
    await writeFile(join(folder, "pass"), "");
    await run(count, kept);
    expect(printed()).toEqual(["ran", "ran"]);
    await run(count, kept);
    expect(printed()).toEqual(["ran", "ran"]);
    await run([...count, { run: "echo more" }], kept);
    expect(printed()).toEqual(["ran", "ran", "ran", "more"]);
    await run(count, await publish());
    expect(printed()).toHaveLength(5);
  });

  it("are ended at their time limit", async () => {
    const error = await errorOf(run([{ run: "sleep 600", timeout: "300ms" }], await publish()));
    expect(error.code).toBe("AFTER_FAILED");
    expect(error.message).toContain("sleep 600 exceeded its timeout of");
  });
});

describe("references to the image", () => {
  const lineOf = async (template: object): Promise<string> => {
    const path = join(folder, "bad.json");
    await writeFile(path, JSON.stringify({ name: "demo", base: { path: "x" }, ...template }));
    const error = await errorOf(loadTemplate(path));
    expect(error.code).toBe("TEMPLATE_INVALID");
    return error.lines.join("\n");
  };

  it.each([
    [{ after: [{ run: "echo ${image.size}" }] }, "${image.size} is not a valid reference"],
    [{ after: [{ run: "echo ${image.sha512}" }] }, "output.checksums does not contain sha512"],
    [{ post: [{ run: "echo ${image.path}" }] }, '${image.path} has a value only in "after"'],
    [{ after: [{ run: "echo ${disk.path}" }] }, '${disk.path} has a value only in "post"'],
    [{ machine: { cpu: "${image.path}" } }, '${image.path} has a value only in "after"'],
    [{ after: [{ run: "x", user: "root" }] }, "user"],
  ])("%j", async (template, message) => {
    expect(await lineOf(template)).toContain(message);
  });
});
