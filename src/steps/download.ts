import { lstat, mkdir, readFile, stat } from "node:fs/promises";
import { basename, join, normalize, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { guestPath, hostPath } from "../fields.js";
import { makeFolder, statIfThere } from "../host/files.js";
import { defineAction } from "./action.js";
import type { ActionContext } from "./action.js";
import { MAX_FACTS_BYTES, parseFacts } from "./facts.js";
import { claimsCollide, outputPathOf, outputPathProblem } from "./output-path.js";
import type { GuestPathKind, OutputClaim } from "./output-path.js";

const schema = z
  .strictObject({
    download: guestPath.describe("path of a file or folder in the guest"),
    to: z
      .string()
      .min(1)
      .superRefine((to, context) => {
        const message = outputPathProblem(to);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      })
      .optional()
      .describe(
        "destination below the output folder, where it appears together with the image; a file is " +
          "placed into the folder if this ends in a slash. Exclusive with `hostPath`",
      ),
    hostPath: hostPath(
      z
        .string()
        .min(1)
        .refine((path) => !path.includes("\0"), "a path has no NUL byte")
        .optional()
        .describe(
          "destination on the host, absolute or relative to the template. Existing files are not " +
            "removed. A file is placed into the folder if this ends in a slash; the contents of a " +
            "folder are placed into this folder. Exclusive with `to`",
        ),
    ),
    overwrite: z
      .boolean()
      .default(false)
      .describe("replace existing files at `hostPath`; if false, a file that differs is an error"),
    facts: z
      .boolean()
      .default(false)
      .describe(
        "record the file's lines KEY=VALUE, such as versions, as `facts` in manifest.json; with " +
          "`to` only",
      ),
    cache: z
      .boolean()
      .default(false)
      .describe(
        "true: a run that skips this step uses the earlier download; false: it downloads again",
      ),
  })
  .superRefine(({ to, hostPath, overwrite, facts }, context) => {
    const issue = (path: string[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    if (to === undefined && hostPath === undefined) {
      issue([], 'a download requires "to" (a path below the output folder) or "hostPath"');
    } else if (to !== undefined && hostPath !== undefined) {
      issue(["hostPath"], 'a download has either "to" or "hostPath", not both');
    } else if (overwrite && hostPath === undefined) {
      issue(["overwrite"], '"overwrite" is valid with "hostPath" only');
    }
    if (facts && to?.endsWith("/") !== false) {
      issue(["facts"], '"facts" requires "to" with the name of a file');
    }
  })
  .describe("downloads a file or folder from the guest");

type Download = z.infer<typeof schema>;

/** Returns the paths of the output folder that a download uses; none where it goes elsewhere. */
function claimsOf({ download: from, to }: Download): OutputClaim[] {
  return to === undefined ? [] : [{ download: from, to }];
}

/** Rejects a path that another download of the template uses. */
function requireUnclaimed(claim: OutputClaim, kind: GuestPathKind, context: ActionContext): void {
  const other = context.otherDownloads?.find((one) => claimsCollide(claim, one, kind));
  if (!other) return;
  throw new VmbuildError(
    "STEP_FAILED",
    `The ${kind === "tree" ? "folder" : "file"} ${claim.download} cannot be downloaded to ` +
      `${claim.to}, which is also the destination of ${other.download} (${other.to})`,
    { hint: 'Give each download a different "to".' },
  );
}

/**
 * Creates the parent folders of a path of the output folder.
 * @throws {VmbuildError} STEP_FAILED where one of them is a link, which may lead anywhere, or a
 *   file.
 */
async function makeParents(outputFolder: string, path: string): Promise<void> {
  let at = outputFolder;
  await makeFolder(at);
  for (const name of path.split("/").slice(0, -1)) {
    at = join(at, name);
    await mkdir(at).catch((error: unknown) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    if ((await lstat(at)).isDirectory()) continue;
    throw new VmbuildError(
      "STEP_FAILED",
      `Cannot create ${path} in the output folder: ${name} is not a folder`,
      { hint: "Check whether an earlier action created a file or a link of that name." },
    );
  }
}

/** Requires that a downloaded file has facts. */
async function requireFacts(path: string, { download: from }: OutputClaim): Promise<void> {
  const status = await stat(path);
  const fault = (problem: string): VmbuildError =>
    new VmbuildError("STEP_FAILED", `${from} has no facts: ${problem}`, {
      hint: 'A file with "facts" consists of lines KEY=VALUE.',
    });
  if (!status.isFile()) throw fault("it is a folder");
  if (status.size > MAX_FACTS_BYTES) throw fault(`it is larger than ${MAX_FACTS_BYTES} bytes`);
  const parsed = parseFacts(await readFile(path, "utf8"));
  if ("problem" in parsed) throw fault(parsed.problem);
}

async function intoOutput(
  claim: OutputClaim,
  facts: boolean,
  context: ActionContext,
): Promise<void> {
  // The schema rejects such paths, but a library user may have modified the template afterwards.
  const problem = outputPathProblem(claim.to);
  if (problem !== undefined) throw new VmbuildError("TEMPLATE_INVALID", `download.to: ${problem}`);
  const kind = await context.guest.kindOf(claim.download);
  requireUnclaimed(claim, kind, context);
  const path = outputPathOf(claim, kind);
  await makeParents(context.outputFolder, path);
  const destination = join(context.outputFolder, path);
  await context.guest.download(claim.download, destination, kind);
  if (facts) await requireFacts(destination, claim);
}

/** Resolves a path of the host against the template's folder. A slash at its end is kept. */
function hostPathOf(templateFolder: string, hostPath: string): string {
  const path = resolve(templateFolder, hostPath);
  return /(^|\/)\.{0,2}$/.test(hostPath) && path !== "/" ? `${path}/` : path;
}

async function warningsOf(action: Download, templateFolder: string): Promise<string[]> {
  if (action.hostPath === undefined || action.overwrite) return [];
  const path = hostPathOf(templateFolder, action.hostPath);
  const name = basename(normalize(action.download));
  const status = await statIfThere(path.endsWith("/") ? join(path, name) : path);
  if (!status?.isFile()) return [];
  return [
    `${action.hostPath} exists on the host; the download will fail if the guest's file differs ` +
      'from it; set "overwrite": true to replace it',
  ];
}

/** Downloads a file or a folder, to the output folder or to a path of the host. */
export const download = defineAction<Download>({
  name: "download",
  summary:
    "Downloads a file or folder from the guest into the output folder, where it appears together with the image, or to a path on the host.",
  example: '{ "download": "/etc/image-version.txt", "to": "image-version.txt" }',
  schema,
  describe: (action) => `${action.download} to ${action.to ?? action.hostPath ?? ""}`,
  rerunsWhenRestored: ({ cache }) => !cache,
  outputs: (action) => claimsOf(action),
  factFiles: ({ to, facts }) => (facts && to !== undefined ? [normalize(to)] : []),
  hostPaths: ({ hostPath, cache }, templateFolder) =>
    hostPath === undefined || cache ? [] : [resolve(templateFolder, hostPath)],
  warnings: warningsOf,
  async run(action, context) {
    const [claim] = claimsOf(action);
    if (claim) return intoOutput(claim, action.facts, context);
    const to = hostPathOf(context.templateFolder, action.hostPath ?? "");
    await context.guest.downloadToHost(action.download, to, action.overwrite);
  },
});
