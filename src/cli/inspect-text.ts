/** Formats an inspection as text. */
import type { CheckInspection, DiskInspection, Inspection } from "../inspect/inspect.js";
import type { StepInspection } from "../inspect/steps.js";
import type { SourceInspection } from "../inspect/sources.js";
import type { Style } from "../events/sinks/style.js";
import { cleanText } from "../events/sinks/text.js";
import { formatBytes, formatDuration } from "../host/format.js";
import { shellQuote } from "../host/programs.js";
import type { ImagePlan } from "../requirements/plan.js";
import { shortPath } from "./short-path.js";
import { alignRows, indent } from "./table.js";

/** Digits of a commit that are shown. */
const SHOWN_DIGITS = 12;

function section(title: string, lines: readonly string[], style: Style): string[] {
  return lines.length === 0 ? [] : ["", style.bold(title), ...indent(lines)];
}

function sourceLines(source: SourceInspection, style: Style): string[] {
  const { kind, origin, pinned, pinnedBy = "pinned", path, here, state } = source;
  const isUsedInPlace = origin === path;
  const where = here && path !== undefined && !isUsedInPlace ? ` in ${shortPath(path)}` : "";
  const rows = [
    [kind, cleanText(isUsedInPlace ? shortPath(origin) : origin)],
    ...(pinned === undefined ? [] : [[pinnedBy, cleanText(pinned)]]),
    ["state", state + where],
  ];
  return alignRows(rows.map(([name = "", value = ""]) => [style.dim(name), value]));
}

function inputLines(inputs: readonly SourceInspection[], style: Style): string[] {
  return inputs.flatMap((input) => [cleanText(input.name), ...indent(sourceLines(input, style))]);
}

const diskSize = (size: number | undefined): string =>
  size === undefined ? "the base's own size" : formatBytes(size);

function diskText({ name, bus, size, from, published }: DiskInspection): string {
  const parts = [
    ...(size === undefined ? [] : [formatBytes(size)]),
    bus,
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(published ? ["published"] : []),
  ];
  return cleanText(`${name}: ${parts.join(", ")}`);
}

function firmwareText({ firmware, secureBoot, uefiFiles }: Inspection["machine"]): string {
  const code = uefiFiles === undefined ? "" : ` (${shortPath(uefiFiles.code)})`;
  return cleanText(`${firmware}${code}${secureBoot ? ", secure boot" : ""}`);
}

function networkTexts({ network, networks }: Inspection["machine"]): string[] {
  const cards = networks?.map(({ kind, model, mac, bridge }) =>
    [kind, bridge, model, mac].filter((text) => text !== undefined).join(" "),
  );
  if (cards) return cards;
  return [network === "isolated" ? "isolated (no connections out of the guest)" : network];
}

function machineLines({ machine, accelerator, ssh, seed }: Inspection): string[] {
  const { asked, shown, problem } = accelerator;
  const how =
    asked === shown
      ? asked
      : `${asked}: ${problem === undefined ? "kvm if it works (shown below), else tcg" : shown}`;
  return alignRows([
    ["arch", `${machine.arch} (${machine.machineType})`],
    ["cpus", `${machine.cpus} (${machine.cpuModel})`],
    ["memory", formatBytes(machine.memory)],
    ["disk", `${diskSize(machine.disk)} (${machine.diskBus})`],
    ...machine.disks.map((disk) => ["", diskText(disk)]),
    ["accelerator", how],
    ...(problem === undefined ? [] : [["", cleanText(problem)]]),
    ["firmware", firmwareText(machine)],
    ...(machine.tpm ? [["tpm", "2.0"]] : []),
    ...(machine.display === undefined ? [] : [["display", machine.display]]),
    ...networkTexts(machine).map((text, index) => [index === 0 ? "network" : "", text]),
    ["ssh", `${ssh.user}, within ${formatDuration(ssh.timeoutMs)}`],
    ["way in", cleanText(seed.way)],
  ]);
}

/** Describes the commit of the template. */
function commitLines({ source }: Inspection): string[] {
  if (!source) return [];
  const { branch, commit, dirty } = source;
  const changes = dirty ? ", with uncommitted changes" : "";
  return [`commit ${commit.slice(0, SHOWN_DIGITS)} of ${cleanText(branch)}${changes}`];
}

/** Describes the manifest in Packer's format. */
function packerManifestLines({ packerManifest }: Inspection["output"]): string[] {
  if (!packerManifest) return [];
  const { file, artifactId } = packerManifest;
  return [`${shortPath(file)} (Packer's format; artifact_id ${cleanText(artifactId)})`];
}

/** Describes what the seal leaves out. */
function sealLines(seal: Inspection["seal"], style: Style): string[] {
  if (seal === false) return ["", style.yellow('The image is not sealed: "seal" is false.')];
  if (seal === true || seal.keep.length === 0) return [];
  return ["", `The image keeps private keys (seal.keep): ${seal.keep.join(", ")}`];
}

/**
 * Formats the argument list with one option per line, so that it is readable and can be pasted into
 * a shell.
 */
function qemuLines({ program, arguments: args }: Inspection["qemu"]): string[] {
  const lines = [program];
  for (const argument of args) {
    if (argument.startsWith("-") || lines.length === 1) lines.push(argument);
    else lines[lines.length - 1] += ` ${shellQuote(argument)}`;
  }
  return lines.map((line, index) => {
    const start = index === 0 ? line : `  ${line}`;
    return index === lines.length - 1 ? start : `${start} \\`;
  });
}

function stepLines(step: StepInspection, index: number, style: Style): string[] {
  const limits = [
    ...(step.retries > 0 ? [`${step.retries} retries`] : []),
    `timeout ${formatDuration(step.timeoutMs)}`,
  ].join(", ");
  const environment = Object.keys(step.environment);
  const rows = [
    ...(environment.length > 0 ? [["environment", environment.join(", ")]] : []),
    ...(step.skipIf === undefined ? [] : [["skipIf", step.skipIf]]),
    ...step.actions.map(({ type, summary }) => [type, summary]),
    ...step.verify.map((command) => ["verify", command]),
  ];
  return [
    `${index + 1}. ${style.bold(cleanText(step.name))}  ${style.dim(limits)}`,
    ...indent(alignRows(rows.map(([name = "", value = ""]) => [style.dim(name), oneLine(value)]))),
  ];
}

function oneLine(text: string): string {
  const [first = "", ...more] = text.split("\n");
  return cleanText(first) + (more.length > 0 ? " …" : "");
}

function acceptanceLines({ acceptance }: Inspection, style: Style): string[] {
  if (!acceptance) return [];
  const rows = (checks: readonly CheckInspection[]): string[] =>
    alignRows(checks.map(({ name, summary }) => [cleanText(name), style.dim(oneLine(summary))]));
  return [
    ...rows(acceptance.checks),
    ...acceptance.rounds.flatMap(({ name, checks }) => [
      `${cleanText(name)}: all checks above${checks.length === 0 ? "" : ", and"}`,
      ...indent(rows(checks)),
    ]),
  ];
}

/** Describes the format of an image, such as `qcow2, zstd`. */
function imageText({ format, subformat, compression, pack }: ImagePlan): string {
  const settings = [format, subformat, compression === "none" ? undefined : compression, pack];
  return settings.filter((text) => text !== undefined).join(", ");
}

/** Titles of the groups of a Packer template's options. */
const PACKER_TITLES = {
  mapped: "Packer: converted",
  nothing: "Packer: not needed",
  refused: "Packer: not possible",
} as const;

function packerLines({ packer }: Inspection, style: Style): string[] {
  if (!packer) return [];
  return Object.entries(PACKER_TITLES).flatMap(([group, title]) => {
    const entries = packer[group as keyof typeof PACKER_TITLES];
    const rows = entries.map(({ option, text, place }) => [
      `${cleanText(option)} ${style.dim(`(${cleanText(place)})`)}`,
      cleanText(text),
    ]);
    return section(title, alignRows(rows), style);
  });
}

/** Returns all lines, without a final newline. */
export function renderInspection(inspection: Inspection, style: Style): string[] {
  const { name, version, description, template, qemu, output } = inspection;
  const variables = inspection.variables.map(({ name, value, sensitive }) => [
    cleanText(name),
    cleanText(JSON.stringify(value)),
    ...(sensitive ? [style.dim("sensitive")] : []),
  ]);
  const qemuTitle = `qemu ${qemu.version ?? "(not installed; arguments as for 7.2)"}`;
  return [
    `${style.bold(cleanText(name))} ${cleanText(version)}  ${style.dim(shortPath(template))}`,
    ...(description === undefined ? [] : indent([cleanText(description)])),
    ...indent(commitLines(inspection)),
    ...section("variables", alignRows(variables), style),
    ...section("base", sourceLines(inspection.base, style), style),
    ...section("inputs", inputLines(inspection.inputs, style), style),
    ...section("machine", machineLines(inspection), style),
    ...section(qemuTitle, qemuLines(qemu), style),
    ...section(
      "steps",
      inspection.steps.flatMap((step, index) => stepLines(step, index, style)),
      style,
    ),
    ...(["post", "after"] as const).flatMap((name) =>
      section(
        name,
        inspection[name].map(({ summary }) => oneLine(summary)),
        style,
      ),
    ),
    ...section("acceptance", acceptanceLines(inspection, style), style),
    ...section(
      `output (${output.images.map(imageText).join("; ")})`,
      [...output.files.map(shortPath), ...packerManifestLines(output)],
      style,
    ),
    ...packerLines(inspection, style),
    ...sealLines(inspection.seal, style),
  ];
}
