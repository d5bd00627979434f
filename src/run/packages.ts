/** Lists the packages of the guest, and writes the list and the SBOM beside the image. */
import { PACKAGES_NAME, SBOM_NAME } from "../artifact/names.js";
import type { Manifest } from "../artifact/manifest.js";
import type { Staging } from "../artifact/publish.js";
import { VmbuildError } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { LIST_PACKAGES, formatPackages, readPackages } from "../packages/list.js";
import type { GuestPackages } from "../packages/list.js";
import { formatSbom } from "../packages/sbom.js";
import { vmbuildVersion } from "../version.js";
import type { ContextWith } from "./context.js";
import type { FinishedImage } from "./images.js";

/** Time limit for the list; an emulated guest takes seconds. Milliseconds. */
const DEADLINE_MS = 300_000;

/**
 * Lists the packages of a guest; undefined where the output does not have them. A guest that has no
 * list does not fail the run.
 */
export async function listPackages(
  { output, emit }: ContextWith<"output" | "emit">,
  guest: Guest,
): Promise<GuestPackages | undefined> {
  if (!output.packages) return undefined;
  try {
    const lines = await guest.ask(LIST_PACKAGES, "Listing the packages", DEADLINE_MS);
    const found = readPackages(lines);
    if (found.packages.length > 0) return found;
    const message = `The guest has no packages of dpkg or rpm: there is no ${PACKAGES_NAME}`;
    emit({ type: "note", message });
  } catch (error) {
    if (!(error instanceof VmbuildError) || error.code !== "STEP_FAILED") throw error;
    const [line] = error.lines.slice(-1);
    const message = `There is no ${PACKAGES_NAME}: ${error.message}`;
    emit({ type: "warning", message: line === undefined ? message : `${message}: ${line}` });
  }
  return undefined;
}

/**
 * Lists the packages of a guest while other work in it goes on that does not change them: a guest
 * with several CPUs does both in the time of the longer one. A guest that opens no second channel
 * on its connection (`MaxSessions` in sshd_config(5)) is asked after the work.
 * @returns the result of the work, and that of {@link listPackages}.
 */
export async function listPackagesDuring<T>(
  context: ContextWith<"output" | "emit">,
  guest: Guest,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly packages: GuestPackages | undefined }> {
  // The work asks for its channel first, so that it is the list that may have to wait.
  const [worked, listed] = await Promise.allSettled([work(), listPackages(context, guest)]);
  if (worked.status === "rejected") throw worked.reason;
  const done = worked.value;
  if (listed.status === "fulfilled") return { done, packages: listed.value };
  const error: unknown = listed.reason;
  if (!(error instanceof VmbuildError) || error.code !== "GUEST_LOST") throw error;
  return { done, packages: await listPackages(context, guest) };
}

/**
 * Writes the files under temporary names.
 * @returns what the manifest says about them.
 */
export async function stagePackages(
  { template }: ContextWith<"template">,
  staging: Staging,
  packages: GuestPackages | undefined,
  [image]: readonly FinishedImage[],
): Promise<Manifest["packages"]> {
  if (!packages) return undefined;
  const { name, version } = template;
  const created = new Date().toISOString();
  const checksums = image?.checksums ?? {};
  const described = { name, version, created, checksums, tool: vmbuildVersion() };
  await staging.write(PACKAGES_NAME, "companion", formatPackages(packages.packages));
  await staging.write(SBOM_NAME, "companion", formatSbom(packages, described));
  const [indexes, repositories] = [[...packages.indexes], [...packages.repositories]];
  return {
    ...{ count: packages.packages.length, list: PACKAGES_NAME, sbom: SBOM_NAME },
    ...(indexes.length > 0 ? { indexes } : {}),
    ...(repositories.length > 0 ? { repositories } : {}),
  };
}
