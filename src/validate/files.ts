/** Whether the files that a template names are there, or will be. */
import { access, constants } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { statIfThere } from "../host/files.js";
import { inputLocation } from "../inputs/inputs.js";
import type { UrlSpec } from "../inputs/inputs.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";

/** What a path has to be. `any` is a file or a folder. */
export type FileKind = "file" | "any";

/**
 * Reports a file that is not there, is of the wrong kind, or may not be read.
 * @returns whether it can be looked into.
 */
export async function checkFile(
  collector: Collector,
  place: JsonPath,
  path: string,
  kind: FileKind,
): Promise<boolean> {
  const status = await statIfThere(path);
  if (!status) collector.problem(place, `there is no ${shown(path)}`);
  else if (kind === "file" && !status.isFile()) {
    collector.problem(place, `${shown(path)} is not a file`);
  } else if (!(await isReadable(path))) {
    collector.problem(place, `${shown(path)} may not be read by you`);
  } else return true;
  return false;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** The path as the user would type it from here, when that is shorter. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== "" && near.length < path.length ? near : path;
}

/** Checks the local files behind a download: `file:` addresses, local sums, the keyring. */
export async function checkUrlSource(
  collector: Collector,
  place: JsonPath,
  spec: UrlSpec,
): Promise<void> {
  const local = async (key: string[], url: string): Promise<void> => {
    if (/^file:\/\//i.test(url) && URL.canParse(url)) {
      await checkFile(collector, [...place, ...key], fileURLToPath(url), "file");
    }
  };
  await local(["url"], spec.url);
  const sums = /^file:(.+)$/is.exec(spec.checksum)?.[1];
  if (sums?.startsWith("/")) await checkFile(collector, [...place, "checksum"], sums, "file");
  else if (sums !== undefined) await local(["checksum"], sums);
  if (!spec.signature) return;
  await local(["signature", "url"], spec.signature.url);
  await checkFile(collector, [...place, "signature", "keyring"], spec.signature.keyring, "file");
}

/** The input that a path lies in and that is not here yet, so that nothing can be said of it. */
export async function awaitedInput(
  collector: Collector,
  path: string,
): Promise<string | undefined> {
  for (const [name, spec] of collector.template.inputSpecs) {
    if (spec.kind === "path") continue;
    const location = inputLocation(spec);
    if (path !== location && !path.startsWith(`${location}/`)) continue;
    return (await statIfThere(location)) ? undefined : name;
  }
  return undefined;
}
