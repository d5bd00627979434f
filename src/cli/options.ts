/** Defines options that several commands share, and loads the template that they describe. */
import { isAbsolute, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { VmbuildError } from "../errors.js";
import { currentFolder } from "../host/current-folder.js";
import type { Template } from "../template/load.js";
import type { Override } from "../template/overrides.js";
import { parseAssignments } from "./assignments.js";
import { parseBaseOption } from "./base-option.js";
import { addGroup } from "./commands/option-group.js";
import { COLOR_CHOICES, LOG_FORMATS } from "./output-options.js";

/** Collects the values of a repeatable option. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Parses a whole number of at least 1. */
export function parseCount(value: string): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
}

const templateOptions = () =>
  new Command()
    .option("--var <name=value>", "set a variable (repeatable)", collect)
    .option("--var-file <file>", "set variables from a file (repeatable)", collect)
    .option("--only <source>", "build only these sources of a Packer template", collect)
    .option("--except <source>", "leave out these sources of a Packer template", collect)
    .option("--input <name=path>", "use a local file or folder for an input (repeatable)", collect)
    .option("--set <path=value>", "replace a value: --set machine.memory=8G (repeatable)", collect)
    .option("--sink <sink>", "send events to webhook=URL, file=PATH, … (repeatable)", collect)
    .option("--base <base>", "use another base: bootstrap[:SUITE], or the path of an image")
    .addOption(
      new Option("--accel <kind>", "set the accelerator").choices(["kvm", "tcg", "auto"] as const),
    )
    .option("--cpus <n>", "set the number of virtual CPUs", parseCount)
    .option("--memory <size>", "set the guest's memory, such as 4G")
    .option("--disk <size>", "set the size of the guest's disk, such as 20G")
    .option("--appliances <dir>", "look up templates that are given by name in this folder");

/** Values of the options that {@link addTemplateOptions} adds. */
export type TemplateFlags = Readonly<ReturnType<ReturnType<typeof templateOptions>["opts"]>> & {
  /** Value of `vmbuild run --release`. */
  readonly release?: string;
  /** `vmbuild run --create-patches`. */
  readonly createPatches?: boolean;
};

/** Adds the options that change the values of a template for one call. */
export function addTemplateOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & TemplateFlags> {
  return addGroup(command, templateOptions());
}

const outputOptions = () =>
  new Command()
    .addOption(
      new Option("--log-format <format>", "set the format of progress on stderr")
        .choices(LOG_FORMATS)
        .default("auto" as const),
    )
    .addOption(
      new Option("--color <when>", "set when to use colors")
        .choices(COLOR_CHOICES)
        .default("auto" as const),
    );

/** Values of the options that {@link addOutputOptions} adds. */
export type OutputFlags = Readonly<ReturnType<ReturnType<typeof outputOptions>["opts"]>>;

/** Adds the options for progress and colors. */
export function addOutputOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & OutputFlags> {
  return addGroup(command, outputOptions());
}

async function baseOverride({ base }: TemplateFlags): Promise<Override[]> {
  if (base === undefined) return [];
  if (/^https?:/.test(base)) {
    throw new VmbuildError(
      "USAGE",
      "--base does not accept a URL, because a download requires a checksum",
      { hint: `Use --set 'base={"url":"…","checksum":"sha256:…"}'.` },
    );
  }
  const option = parseBaseOption(base);
  if (option.kind === "release") {
    const { BOOTSTRAP_OVERRIDE } = await import("../template/bootstrap-override.js");
    return [BOOTSTRAP_OVERRIDE];
  }
  const { kind, ...definition } = option;
  const value = kind === "suite" ? { bootstrap: definition } : definition;
  return [{ source: "--base", path: ["base"], value }];
}

async function sinksOf({ sink }: TemplateFlags): Promise<Override[]> {
  if (!sink) return [];
  const { parseSink } = await import("./sink-option.js");
  return sink.map(parseSink);
}

async function overridesOf(flags: TemplateFlags): Promise<Override[]> {
  const { parseOverride } = await import("../template/overrides.js");
  const direct: [string, (string | number)[], unknown][] = [
    ["--accel", ["machine", "accelerator"], flags.accel],
    ["--cpus", ["machine", "cpus"], flags.cpus],
    ["--memory", ["machine", "memory"], flags.memory],
    ["--disk", ["machine", "disk"], flags.disk],
  ];
  const given = direct.filter(([, , value]) => value !== undefined);
  const fromSet = (flags.set ?? []).map(parseOverride);
  const sinks = await sinksOf(flags);
  const options = given.map(([source, path, value]) => ({ source, path, value }));
  return [...fromSet, ...sinks, ...options, ...(await baseOverride(flags))];
}

/** Returns what a user gives besides the template; errors are reported before a file is read. */
async function givenValues(flags: TemplateFlags) {
  return {
    overrides: await overridesOf(flags),
    variables: parseAssignments("--var", flags.var),
    variableFiles: flags.varFile ?? [],
    release: flags.release,
    createPatches: flags.createPatches,
    inputs: Object.fromEntries(parseAssignments("--input", flags.input)),
  };
}

/** Returns the folder in which the names of templates are searched; absolute. */
const appliancesOf = ({ appliances }: TemplateFlags): string | undefined =>
  appliances && resolve(appliances);

function refuseSelection(name: string, { only, except }: TemplateFlags): void {
  const [option] = [only && "--only", except && "--except"].filter((flag) => flag !== undefined);
  if (option === undefined) return;
  throw new VmbuildError("USAGE", `${option}: ${name} is not a Packer template, and has one image`);
}

/** Settings of {@link loadAllFromFlags}. */
interface LoadAllOptions {
  /** Loads parts of Packer templates that vmbuild cannot follow, to show them. */
  readonly allowsRefused?: boolean;
  /** Ignores values that the template does not declare. */
  readonly ignoreUndeclared?: boolean;
}

/**
 * Finds and loads a template with the values of the command's flags: all images of a Packer
 * template, or the one of a template of vmbuild.
 * @throws {VmbuildError} USAGE, TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, VARIABLE_INVALID.
 */
export async function loadAllFromFlags(
  name: string,
  flags: TemplateFlags,
  { allowsRefused = false, ignoreUndeclared = false }: LoadAllOptions = {},
): Promise<Template[]> {
  const { findTemplate } = await import("../template/find.js");
  const { loadTemplate } = await import("../template/load.js");
  const { findPackerTemplate } = await import("../packer/detect.js");
  const { variables, variableFiles, release, createPatches, overrides, inputs } =
    await givenValues(flags);
  // An absolute path needs no current folder, which may have been removed.
  const here = currentFolder() ?? (isAbsolute(name) ? "/" : process.cwd());
  const packer = await findPackerTemplate(name, here);
  if (packer !== undefined) {
    const { loadPackerImages } = await import("../packer/images.js");
    const { only, except } = flags;
    const load = { overrides, inputs };
    return loadPackerImages(packer, {
      variables: release === undefined ? variables : [...variables, ["release", release]],
      variableFiles,
      only,
      except,
      load,
      allowsRefused,
    });
  }
  refuseSelection(name, flags);
  const places = { currentFolder: here, appliances: flags.appliances };
  const given = {
    overrides,
    variables: Object.fromEntries(variables),
    variableFiles,
    release,
    createPatches,
    inputs,
  };
  const options = { ...given, appliances: appliancesOf(flags), ignoreUndeclared };
  return [await loadTemplate(await findTemplate(name, places), options)];
}

/**
 * Finds and loads the template of one image with the values of the command's flags.
 * @throws {VmbuildError} USAGE, TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, VARIABLE_INVALID.
 */
export async function loadFromFlags(name: string, flags: TemplateFlags): Promise<Template> {
  const [template, ...others] = await loadAllFromFlags(name, flags);
  if (template && others.length === 0) return template;
  const names = [template, ...others].flatMap((one) => one?.name ?? []);
  throw new VmbuildError("USAGE", `${name} has several images: ${names.join(", ")}`, {
    hint: "Choose one with --only.",
  });
}

/**
 * Finds and loads the template that is the base of another one. Values of variables and inputs
 * apply where it declares them, and so do `--accel` and `--base bootstrap`; other flags describe the
 * other template.
 * @param reference name or path, as the other template names it.
 * @throws {VmbuildError} as {@link loadFromFlags}.
 */
export async function loadBase(
  reference: string,
  from: Pick<Template, "folder">,
  flags: TemplateFlags,
): Promise<Template> {
  const { findTemplateFrom } = await import("../template/find.js");
  const { loadTemplate } = await import("../template/load.js");
  const { set: _set, base, cpus: _cpus, memory: _memory, disk: _disk, ...rest } = flags;
  // Patches are collected only from the templates that are named.
  const { sink: _sink, createPatches: _patches, ...shared } = rest;
  const replacesAll = base !== undefined && parseBaseOption(base).kind === "release";
  const { variables, ...given } = await givenValues(replacesAll ? { ...shared, base } : shared);
  const { folder } = from;
  const places = { folder, currentFolder: currentFolder() ?? folder, appliances: flags.appliances };
  const path = await findTemplateFrom(reference, places);
  return loadTemplate(path, {
    ...given,
    variables: Object.fromEntries(variables),
    appliances: appliancesOf(flags),
    ignoreUndeclared: true,
  });
}
