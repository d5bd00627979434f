import { basename, resolve } from "node:path";
import { z } from "zod";
import type { ProgramName } from "../../host/programs.js";
import { inputLocation } from "../../inputs/inputs.js";
import type { LocalFile } from "../../inputs/kind.js";
import { unpackPrograms } from "../../inputs/unpack.js";
import { inputKindOf } from "../../inputs/registry.js";
import { textPattern, typingProblem } from "../../install/boot-command.js";
import { filePaths, loadFiles } from "../../install/files.js";
import { planInstall } from "../../install/install.js";
import { sourceSpec, sourcesOf } from "../../install/media.js";
import { INSTALL_REFERENCES, installSchema } from "../../install/schema.js";
import type { InstallDefinition, InstallFiles } from "../../install/schema.js";
import { VmbuildError, asVmbuildError, messageOf } from "../../errors.js";
import { architectureNamed } from "../../machine/architectures/registry.js";
import { statIfThere } from "../../host/files.js";
import { resolveInstall } from "../cached-install.js";
import { defineBaseKind } from "../kind.js";
import type { BaseCheck, BaseCheckContext, BaseSetting } from "../kind.js";

const schema = z
  .strictObject({
    install: installSchema.describe("installer that creates the base in a machine of its own"),
  })
  .describe("base that is created by an operating system's own installer, and cached");

type Definition = z.infer<typeof schema>;

type Problems = NonNullable<BaseCheck["problems"]>;

/** Returns the files of a definition with their keys below `install`. */
function filesOf({ http, media }: InstallDefinition): [key: string[], files: InstallFiles][] {
  return [
    [["http", "files"], http?.files ?? {}],
    ...media.map(({ files }, index): [string[], InstallFiles] => [
      ["media", String(index), "files"],
      files,
    ]),
  ];
}

function localFiles(install: InstallDefinition, folder: string): LocalFile[] {
  const sources = [...sourcesOf(install)].flatMap(([name, source]) => {
    const spec = sourceSpec(source, folder);
    return inputKindOf(spec)
      .files(spec)
      .map((file) => ({ ...file, key: ["install", name, ...file.key] }));
  });
  const answers = filesOf(install).flatMap(([key, files]) =>
    [...filePaths(files, folder)].map(([name, path]) => ({
      key: ["install", ...key, name],
      path,
      kind: "file" as const,
    })),
  );
  const folders = (install.http?.folders ?? []).map((path, index) => ({
    key: ["install", "http", "folders", String(index)],
    path: resolve(folder, path),
    kind: "any" as const,
  }));
  return [...sources, ...answers, ...folders];
}

/** Returns the problems of a boot command: keys that do not exist, invalid patterns. */
function typingProblems({ bootCommand }: InstallDefinition): Problems {
  return bootCommand.flatMap((step, index) => {
    const key = ["install", "bootCommand", String(index)];
    if (typeof step === "string") {
      const message = typingProblem(step);
      return message === undefined ? [] : [{ key, message }];
    }
    if (!("waitForText" in step)) return [];
    try {
      textPattern(step.waitForText);
      return [];
    } catch (error) {
      return [{ key: [...key, "waitForText"], message: messageOf(error) }];
    }
  });
}

/** Returns the problems of the files' references, as far as the files are there. */
async function referenceProblems(
  install: InstallDefinition,
  context: BaseCheckContext,
): Promise<Problems> {
  const problems: { key: readonly string[]; message: string }[] = [];
  for (const [key, files] of filesOf(install)) {
    for (const [name, file] of Object.entries(files)) {
      const path = filePaths({ [name]: file }, context.templateFolder).get(name);
      if (path !== undefined && !(await statIfThere(path))) continue;
      try {
        await loadFiles({ [name]: file }, context);
      } catch (thrown) {
        problems.push({ key: ["install", ...key, name], message: asVmbuildError(thrown).message });
      }
    }
  }
  return problems;
}

/** Returns the problem of a floppy disk in a machine that has no controller for it. */
function floppyProblems(
  { media }: InstallDefinition,
  { arch, machineType }: BaseCheckContext["machine"],
): Problems {
  if (architectureNamed(arch).boardOf(machineType).floppyController) return [];
  const message = `the machine type ${machineType} of ${arch} has no floppy drive; use a CD`;
  return media.flatMap((medium, index) =>
    "floppy" in medium ? [{ key: ["install", "media", String(index)], message }] : [],
  );
}

/** Returns the absolute path of the disk image, which need not exist yet. */
function imageFile({ image }: InstallDefinition, folder: string): string | undefined {
  return image && inputLocation(sourceSpec(image, folder));
}

async function check({ install }: Definition, context: BaseCheckContext): Promise<BaseCheck> {
  const isCutOff = install.http !== undefined && context.machine.network === "isolated";
  const image = imageFile(install, context.templateFolder);
  const message = "an isolated guest cannot reach the HTTP server; see machine.network";
  return {
    problems: [
      ...(isCutOff ? [{ key: ["install", "http"], message }] : []),
      ...floppyProblems(install, context.machine),
      ...typingProblems(install),
      ...(await referenceProblems(install, context)),
    ],
    files: localFiles(install, context.templateFolder),
    ...(image === undefined ? {} : { image }),
    absent: "the base is created by its installer",
  };
}

/** Returns a short name of what is installed from. */
function originOf({ install }: Definition, folder: string): string {
  const [source] = sourcesOf(install).values();
  if (source === undefined) return "an installer";
  const spec = sourceSpec(source, folder);
  return "url" in source ? basename(source.url) : basename(inputLocation(spec));
}

function programs({ install }: Definition, { templateFolder: folder }: BaseSetting): ProgramName[] {
  return [...sourcesOf(install)].flatMap(([name, source]) => {
    const spec = sourceSpec(source, folder);
    const own = inputKindOf(spec).programs(spec);
    const file = "url" in source ? source.url : source.path;
    return name === "image" ? [...own, ...unpackPrograms(basename(file))] : [...own];
  });
}

/** Base that is created by an operating system's installer. */
export const installBase = defineBaseKind<Definition>({
  name: "install",
  form: "{install: {iso}}",
  schema,
  mayUseOtherFiles: false,
  // Where the installer gets the key is known when its files are read.
  mayLetBuildIn: true,
  references: INSTALL_REFERENCES,
  async resolve(base, context) {
    const { install } = base;
    const { references, machine } = context.installer;
    const [problem] = floppyProblems(install, machine);
    if (problem)
      throw new VmbuildError("BASE_INSTALL", `base.${problem.key.join(".")}: ${problem.message}`);
    const plan = await planInstall(install, { ...context, references });
    return resolveInstall(plan, context, originOf(base, context.templateFolder));
  },
  programs,
  check,
  inspect(base, { templateFolder: folder }) {
    const description = "created by its installer, unless it is in the cache";
    return { origin: originOf(base, folder), present: description, absent: description };
  },
});
