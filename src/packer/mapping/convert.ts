/** Converts a Packer template to templates of vmbuild: one for each image. */
import type { PackerBlock, PackerBuild, PackerBuildSource, PackerTemplate } from "../model.js";
import { BUILDERS } from "./builders/registry.js";
import type { GuestLogin, ImageContext } from "./context.js";
import { isHelper, readHelpers } from "./helpers.js";
import { Draft } from "./json.js";
import { Keeper, escapeText } from "./keep.js";
import { textOf } from "./plain.js";
import type { Plain, PlainObject } from "./plain.js";
import { readPostProcessor } from "./post-processor.js";
import { POST_PROCESSORS } from "./post-processors/registry.js";
import { readProvisioner } from "./provisioner.js";
import { OTHER_PROVISIONERS, PROVISIONERS } from "./provisioners/registry.js";
import { Report } from "./report.js";
import type { ReportEntry } from "./report.js";
import type { ShutdownStep } from "./steps.js";
import { StepList, stepName } from "./steps.js";
import { declareVariables } from "./variables.js";

/** Settings of a conversion. */
export interface ConvertOptions {
  /** Folder to which the paths of the results are relative; absolute. Packer's by default. */
  readonly resultFolder?: string | undefined;
}

/** Template of one image. */
export interface Conversion {
  /** Name in vmbuild. */
  readonly name: string;
  /** Identifier in Packer: `build.qemu.x`, `qemu.x`. */
  readonly id: string;
  /** Template of vmbuild, as JSON has it. */
  readonly template: PlainObject;
  readonly draft: Draft;
  /** What became of each option. */
  readonly report: readonly ReportEntry[];
}

/** Values that a template may use while the installer runs. */
const RUNTIME = { SSHPublicKey: "${ssh.publicKey}" } as const;

interface Image {
  readonly build: PackerBuild;
  readonly source: PackerBuildSource;
}

/** Returns a name for each image: that of its source, with the build's where several have one. */
function nameImages(images: readonly Image[]): string[] {
  const plain = images.map(({ source }) => stepName(source.localName));
  const used = new Set<string>();
  return images.map(({ build, source }, index) => {
    const own = plain[index] ?? "image";
    const isShared = plain.filter((name) => name === own).length > 1;
    const named = isShared ? stepName(`${build.name ?? source.type}-${own}`) : own;
    let unique = named;
    for (let number = 2; used.has(unique); number++) unique = `${named}-${number}`;
    used.add(unique);
    return unique;
  });
}

function refuse(
  block: PackerBlock,
  report: Report,
  entry: { text: string; isFatal: boolean },
): void {
  const subject = `${block.type} ${block.labels[0] ?? ""}`.trim();
  report.add({ place: block.place, subject, outcome: "refused", ...entry });
}

async function convertSteps(
  context: ImageContext,
  login: GuestLogin,
  shutdown: ShutdownStep | undefined,
): Promise<void> {
  const { draft, report, source } = context;
  const steps = new StepList(draft);
  for (const block of source.provisioners) {
    const name = block.labels[0] ?? "";
    const kind = PROVISIONERS.find((known) => known.name === name);
    if (!kind) {
      const other = OTHER_PROVISIONERS[name];
      const text =
        "is not a provisioner that vmbuild knows; do its work in a shell or file provisioner";
      refuse(block, report, other ?? { text, isFatal: false });
      continue;
    }
    const reader = readProvisioner(kind, block, context);
    if (!login.hasGuest && kind.name !== "shell-local") {
      const text = 'communicator = "none" leaves no way to run it; use the communicator ssh';
      refuse(block, report, { text, isFatal: false });
      continue;
    }
    await kind.convert(reader, { ...context, login, steps });
  }
  if (source.errorCleanup) {
    const { place, type } = source.errorCleanup;
    const text = "a failed machine is kept as it is; see `vmbuild ssh NAME` and --on-error pause";
    report.add({ place, subject: type, outcome: "nothing", text });
  }
  if (!shutdown) return;
  const user = shutdown.asRoot ? "root" : login.user;
  const run = { run: escapeText(shutdown.commands, "shell"), ...(user !== "root" && { user }) };
  steps.add({ title: "shutdown_command", actions: [run], origin: shutdown.origin });
}

/** Line that keeps commands for the image from running for further images. */
const FIRST_IMAGE = `[ "$VMBUILD_IMAGE_FORMAT" = `;

async function convertPostProcessors(context: ImageContext): Promise<void> {
  const { draft, report, source } = context;
  const added: { run: readonly string[]; environment: Record<string, Plain>; what: PackerBlock }[] =
    [];
  for (const block of source.postProcessors.flat()) {
    const kind = POST_PROCESSORS.find(({ name }) => name === block.labels[0]);
    if (!kind) {
      const text =
        "is not a post-processor that vmbuild knows; publish the image with commands in `after`";
      refuse(block, report, { text, isFatal: false });
      continue;
    }
    const reader = readPostProcessor(kind, block, context);
    await kind.convert(reader, {
      ...context,
      addAfter: (run, environment) => added.push({ run, environment, what: block }),
    });
  }
  const hasOthers = draft.get(["output", "formats"]) !== undefined;
  const format = textOf(draft.get(["output", "format"])) ?? "qcow2";
  for (const { run, environment, what } of added) {
    const guarded = hasOthers ? [`${FIRST_IMAGE}${format} ] || exit 0`, ...run] : [...run];
    const entry = {
      run: guarded,
      ...(Object.keys(environment).length > 0 && { environment }),
    };
    draft.add(["after"], entry, {
      what: `post-processor ${what.labels[0] ?? ""}`,
      place: what.place,
    });
  }
}

/** Returns an entry for a builder that makes no image here. */
function unknownBuilder({ source }: Image, report: Report): void {
  const text = `the builder ${source.type} does not build with QEMU; vmbuild knows ${BUILDERS.map(({ name }) => name).join(", ")}`;
  const { place } = source.block;
  report.add({
    place,
    subject: `${source.type}.${source.name}`,
    outcome: "refused",
    text,
    isFatal: true,
  });
}

/**
 * Converts all images of a template. Builds without an image contribute what they prepare.
 * Sources of other builders are left out if there is an image, and reported in any case.
 */
export async function convertTemplate(
  template: PackerTemplate,
  options: ConvertOptions = {},
): Promise<{ readonly images: readonly Conversion[]; readonly others: readonly ReportEntry[] }> {
  const shared = new Report();
  const { media, copies } = await readHelpers(template, shared);
  const all = template.builds.flatMap((build) =>
    build.sources.map((source) => ({ build, source })),
  );
  const others = new Report();
  const images = all.filter((image) => {
    if (isHelper(image.source)) return false;
    const isKnown = BUILDERS.some(({ name }) => name === image.source.type);
    if (!isKnown) unknownBuilder(image, others);
    return isKnown;
  });
  const names = nameImages(images);
  const conversions: Conversion[] = [];
  for (const [index, { build, source }] of images.entries()) {
    const builder = BUILDERS.find(({ name }) => name === source.type);
    const name = names[index];
    if (!builder || name === undefined) continue;
    const report = new Report();
    for (const entry of shared.entries) report.add(entry);
    const draft = new Draft();
    const keeper = new Keeper(template);
    const context: ImageContext = {
      template,
      build,
      source,
      keeper,
      report,
      draft,
      name,
      resultFolder: options.resultFolder ?? template.cwd,
      media,
      copies,
      runtime: RUNTIME,
    };
    draft.set(["name"], name, { what: `${source.type}.${source.name}`, place: source.block.place });
    if (build.description !== undefined && build.description !== "") {
      draft.set(["description"], escapeText(build.description, "plain"));
    }
    const { login, shutdown } = await builder.convert(context);
    await convertSteps(context, login, shutdown);
    await convertPostProcessors(context);
    declareVariables(context);
    conversions.push({
      name,
      id: source.id,
      template: draft.template,
      draft,
      report: report.entries,
    });
  }
  return { images: conversions, others: others.entries };
}
