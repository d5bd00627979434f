/** Checks the base: whether it is there, and whether the machine's disk can hold it. */
import { resolve } from "node:path";
import { bootstrapLocation, bootstrapSpec } from "../base/cached-bootstrap.js";
import { checkSpec, DEFAULT_SIZE } from "../base/bootstrap/spec.js";
import { asVmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { inputLocation } from "../inputs/inputs.js";
import { urlFiles, urlSpec } from "../inputs/url-source.js";
import { imageInfo } from "../machine/disk.js";
import type { CheckOptions } from "./validate.js";
import type { Collector } from "./findings.js";
import { checkFile, checkFiles } from "./files.js";

/** Checks the base as far as it is on this host. */
export async function checkBase(
  collector: Collector,
  findArtifact: CheckOptions["findArtifact"],
): Promise<void> {
  const { base, folder } = collector.template;
  if ("path" in base) {
    const path = resolve(folder, base.path);
    const there = await checkFile(collector, ["base", "path"], path, "file");
    if (there) await checkImage(collector, path);
  } else if ("url" in base) {
    const spec = urlSpec(base, folder, true);
    await checkFiles(collector, ["base"], urlFiles(spec));
    await checkImageIfThere(collector, inputLocation(spec), "the base is not downloaded yet");
  } else if ("bootstrap" in base) await checkBootstrap(collector, base.bootstrap);
  else await checkAppliance(collector, base.appliance, findArtifact);
}

async function checkBootstrap(
  collector: Collector,
  definition: Parameters<typeof bootstrapSpec>[0],
): Promise<void> {
  const spec = bootstrapSpec(definition);
  try {
    checkSpec(spec);
  } catch (thrown) {
    collector.problem(["base", "bootstrap"], asVmbuildError(thrown).message);
    return;
  }
  checkFit(collector, spec.size ?? DEFAULT_SIZE);
  const path = bootstrapLocation(spec);
  if (await statIfThere(path)) await checkImage(collector, path, false);
}

async function checkAppliance(
  collector: Collector,
  name: string,
  findArtifact: CheckOptions["findArtifact"],
): Promise<void> {
  try {
    const artifact = await findArtifact(name);
    if (artifact) await checkImage(collector, artifact.path);
    else collector.note(`the base ${name} is not built yet: its size is not checked`);
  } catch (thrown) {
    collector.problem(["base", "appliance"], asVmbuildError(thrown).message);
  }
}

async function checkImageIfThere(
  collector: Collector,
  path: string,
  otherwise: string,
): Promise<void> {
  if (await statIfThere(path)) await checkImage(collector, path);
  else collector.note(`${otherwise}: its size is not checked`);
}

/** Reads the image's header; where qemu-img is missing, that is doctor's to say. */
async function checkImage(collector: Collector, path: string, fit = true): Promise<void> {
  try {
    const info = await imageInfo(path, collector.signal);
    if (info.format !== "qcow2" && info.format !== "raw") {
      collector.problem(["base"], `${path} is of format ${info.format}; qcow2 and raw serve`);
    }
    if (fit) checkFit(collector, info.virtualSize);
  } catch (thrown) {
    collector.signal.throwIfAborted();
    const { code, message } = asVmbuildError(thrown);
    if (code === "HOST_PROGRAM_MISSING") collector.note(`${message}: the base is not checked`);
    else collector.problem(["base"], message);
  }
}

function checkFit(collector: Collector, virtualSize: number): void {
  const { disk } = collector.template.machine;
  if (disk >= virtualSize) return;
  const sizes = `${formatBytes(disk)} cannot hold the base, which has ${formatBytes(virtualSize)}`;
  collector.problem(["machine", "disk"], sizes);
}
