/** Converts what the qemu builder's machine starts from, its seed and its login. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { BlockReader } from "../block.js";
import { homeOf, resultPath } from "../context.js";
import type { GuestLogin, ImageContext } from "../context.js";
import { durationText } from "../durations.js";
import { textOf } from "../plain.js";
import type { Plain } from "../plain.js";
import { findSeed } from "../seeds/find.js";
import type { FoundSeed } from "../seeds/find.js";
import type { ArgumentFacts } from "./argument-facts.js";
import { addImageDisks } from "./devices.js";
import { imageSource } from "./image-source.js";
import { convertInstall } from "./install.js";
import { bootCommand, onlyConfirms } from "./keys.js";

/** Packer's default. */
const LOGIN_TIMEOUT = "5m";

/** Options that only an installer, or a seed, can make use of. */
const MEDIA_OPTIONS = [
  ...["cd_files", "cd_content", "floppy_files", "floppy_dirs", "floppy_content"],
  ...["http_directory", "http_content"],
];

function reportSeed(reader: BlockReader, { options, text }: FoundSeed): void {
  for (const option of options) {
    if (reader.has(option)) reader.say(option, "mapped", text);
  }
}

/** Reports options of an installer that an image without an installer cannot use. */
function reportUnused(reader: BlockReader, used: readonly string[]): void {
  const keys = bootCommand(reader);
  if (keys.keys.length > 0) {
    const text = "it only confirms what the image does by itself, so nothing is typed";
    reader.say(keys.option, "nothing", text);
  }
  if (reader.has("boot_wait")) {
    reader.say("boot_wait", "nothing", "no keys are typed; a login is tried until one succeeds");
  }
  for (const option of MEDIA_OPTIONS) {
    if (!reader.has(option) || used.includes(option)) continue;
    const isServer = option.startsWith("http_");
    const isSeed = reader.text("cd_label")?.toLowerCase() === "cidata" && option.startsWith("cd_");
    const missing = "no file matches; check the paths, which begin in the current folder";
    const text = isSeed
      ? missing
      : isServer
        ? "nothing in the template asks the server for a file; an `upload` action gives the guest files"
        : 'only a CD with the label cidata or CONTEXT is a seed of a disk image; set cd_label = "cidata", or upload the files';
    reader.say(option, isServer ? "nothing" : "refused", text);
  }
}

/** Reports that keys cannot be typed to a guest whose seed is not made of files. */
function refuseKeys(reader: BlockReader, kind: Plain | undefined): void {
  const text = `keys are not typed to a guest with a seed of the kind ${textOf(kind)}; let the seed do their work`;
  reader.say(bootCommand(reader).option, "refused", text);
}

/**
 * Sets `base.install` for an image whose system gets keys.
 * @returns false when they cannot be typed.
 */
async function convertTyped(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext & { readonly seed: FoundSeed | undefined },
): Promise<boolean> {
  const { seed } = context;
  if (seed?.seed["kind"] !== undefined) {
    refuseKeys(reader, seed.seed["kind"]);
    return false;
  }
  const image = await imageSource(reader, context);
  if (!image) return true;
  await convertInstall(reader, facts, { ...context, start: { image, seed } });
  const text =
    "base.install.bootCommand; typed once, when the base is created: keys that every start of the system needs are not typed again";
  reader.say(bootCommand(reader).option, "mapped", text);
  return true;
}

/** What a guest starts from. */
interface ConvertedStart {
  /** Seed, however the guest gets it. */
  readonly seed?: FoundSeed | undefined;
  /** True for `base.install`, where the build enters what its installer, or keys, left behind. */
  readonly isInstalled: boolean;
}

/**
 * Attaches CDs that something else makes, as further disks. Without a login of its own, the guest
 * would find two seeds: that of a CD, and vmbuild's.
 */
function attachCds(reader: BlockReader, facts: ArgumentFacts, context: ImageContext): void {
  const hasLogin = ["ssh_password", "ssh_private_key_file"].some((name) => reader.text(name));
  for (const [index, file] of facts.cds.filter((one) => !one.includes("${http")).entries()) {
    if (!hasLogin) {
      const text =
        `${file} is a CD that vmbuild does not make; put its user-data into seed.userData, ` +
        "or upload its files in a step";
      reader.say("qemuargs", "refused", text);
      continue;
    }
    const disk = { name: `cd${index + 1}`, from: resultPath(context, file) };
    context.draft.add(["machine", "disks"], disk, reader.origin("qemuargs"));
    const text = `machine.disks: ${file} is a disk, which the guest finds by its label`;
    reader.say("qemuargs", "mapped", text);
  }
}

async function convertImage(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): Promise<ConvertedStart> {
  const { draft } = context;
  const seed = await findSeed(reader, facts, context);
  const keys = bootCommand(reader);
  if (keys.keys.length > 0 && !onlyConfirms(keys)) {
    const isInstalled = await convertTyped(reader, facts, { ...context, seed });
    if (isInstalled) return { seed, isInstalled };
  }
  const source = await imageSource(reader, context);
  if (source)
    draft.set(["base"], source, reader.origin(reader.has("iso_url") ? "iso_url" : "iso_urls"));
  if (seed) reportSeed(reader, seed);
  reportUnused(reader, seed?.options ?? []);
  if (seed === undefined) attachCds(reader, facts, context);
  if (facts.kernel !== undefined) {
    const text = "-kernel starts an installer only; let the image start with its own boot loader";
    reader.say("qemuargs", "refused", text);
  }
  return { seed, isInstalled: false };
}

async function convertIso(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): Promise<ConvertedStart> {
  const iso = await imageSource(reader, context);
  if (iso) await convertInstall(reader, facts, { ...context, start: { iso } });
  const hasKeys = bootCommand(reader).keys.length > 0;
  if (!hasKeys && reader.has("boot_wait")) {
    reader.say("boot_wait", "nothing", "no keys are typed");
  }
  return { isInstalled: true };
}

/** Returns the user of the login; `root` if the template names none. */
function loginUser(reader: BlockReader): string {
  return reader.text("ssh_username") || "root";
}

function setLogin(
  reader: BlockReader,
  context: ImageContext,
  { hasSeed, isInstalled }: { readonly hasSeed: boolean; readonly isInstalled: boolean },
): void {
  const { draft } = context;
  const user = reader.jsonText("ssh_username");
  if (user !== undefined && user !== "" && user !== "root") {
    draft.set(["ssh", "user"], user, reader.origin("ssh_username"));
  }
  const port = reader.number("ssh_port");
  if (port !== undefined && port !== 0 && port !== 22) {
    draft.set(["ssh", "port"], port, reader.origin("ssh_port"));
  }
  const option = reader.has("ssh_timeout") ? "ssh_timeout" : "ssh_wait_timeout";
  const timeout = durationText(reader.jsonText(option) || LOGIN_TIMEOUT);
  draft.set(["ssh", "timeout"], timeout, reader.origin(option));
  const password = reader.jsonText("ssh_password") ?? "";
  const key = reader.text("ssh_private_key_file") ?? "";
  if (hasSeed) {
    const text = "the seed lets the build in with a key of its own";
    for (const name of ["ssh_password", "ssh_private_key_file"]) {
      if (reader.has(name)) reader.say(name, "nothing", text);
    }
    return;
  }
  if (key !== "") {
    const kept = reader.jsonText("ssh_private_key_file");
    const path = key.startsWith("~/")
      ? join(homedir(), key.slice(2))
      : resultPath(context, key, kept);
    draft.set(["ssh", "privateKey"], path, reader.origin("ssh_private_key_file"));
  }
  if (password !== "") {
    draft.set(["ssh", "password"], password, reader.origin("ssh_password"));
  }
  if (isInstalled || key !== "" || password !== "") {
    draft.set(
      ["seed", "kind"],
      "none",
      reader.origin(key === "" ? "ssh_password" : "ssh_private_key_file"),
    );
  }
}

/** Sets `base`, `seed`, `ssh`, and what a build without a login does not have. */
export async function convertStart(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): Promise<GuestLogin> {
  const { draft } = context;
  const convert = reader.flag("disk_image") ? convertImage : convertIso;
  const { seed, isInstalled } = await convert(reader, facts, context);
  const fields = isInstalled ? {} : (seed?.seed ?? {});
  addImageDisks(reader, facts, { ...context, seedImage: seed?.image });
  const user = loginUser(reader);
  if (reader.text("communicator") === "none") {
    draft.set(["seal"], false, reader.origin("communicator"));
    draft.set(["seed", "kind"], "none", reader.origin("communicator"));
    return { user, home: homeOf(user), hasGuest: false };
  }
  for (const [key, value] of Object.entries(fields)) {
    draft.set(
      ["seed", key],
      value,
      reader.origin(seed?.options.find((name) => reader.has(name)) ?? "cd_files"),
    );
  }
  setLogin(reader, context, { hasSeed: seed !== undefined && !isInstalled, isInstalled });
  return { user, home: homeOf(user), hasGuest: true };
}
