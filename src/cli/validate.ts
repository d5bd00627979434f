/** Implements `vmbuild validate`: checks templates without starting a machine. */
import { checkTemplate, invalidError } from "../validate/validate.js";
import type { Findings } from "../validate/validate.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { wrapText } from "../events/sinks/text.js";
import type { Template } from "../template/load.js";
import { findArtifact } from "./find-artifact.js";
import { interruptible } from "./interrupt.js";
import { loadAllFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { shortPath } from "./short-path.js";
import { countOf } from "./table.js";

/** Flags of the command. */
export interface ValidateFlags extends TemplateFlags, OutputFlags {
  readonly json?: boolean;
}

/** Result of one template. */
interface Outcome {
  /** Name as given by the user. */
  readonly name: string;
  readonly template?: Template;
  readonly findings: Findings;
  readonly error?: VmbuildError;
}

const NO_FINDINGS: Findings = { problems: [], warnings: [], notes: [] };

async function artifactOf(name: string, flags: TemplateFlags, from: Template) {
  try {
    return await findArtifact(name, flags, from);
  } catch (error) {
    if (error instanceof VmbuildError && error.code === "INPUT_MISSING") return undefined;
    throw error;
  }
}

/** Masks secrets, which a message about an invalid value may contain. */
function masked(findings: Findings, template: Template): Findings {
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  const { problems, warnings, notes } = findings;
  return secrets.maskAll({ problems, warnings, notes });
}

async function checkOne(
  name: string,
  template: Template,
  { flags, signal }: { flags: ValidateFlags; signal: AbortSignal },
): Promise<Outcome> {
  const found = await checkTemplate(template, {
    signal,
    findArtifact: (appliance) => artifactOf(appliance, flags, template),
  });
  const findings = masked(found, template);
  const error = invalidError(template, findings.problems);
  return { name, template, findings, ...(error ? { error } : {}) };
}

/** Checks a template of one image, or all images of a Packer template. */
async function validateOne(
  name: string,
  flags: ValidateFlags,
  signal: AbortSignal,
): Promise<Outcome[]> {
  let templates: readonly Template[];
  try {
    templates = await loadAllFromFlags(name, flags);
  } catch (thrown) {
    return [{ name, findings: NO_FINDINGS, error: asVmbuildError(thrown) }];
  }
  const outcomes: Outcome[] = [];
  for (const template of templates)
    outcomes.push(await checkOne(name, template, { flags, signal }));
  return outcomes;
}

function jsonOf({ name, template, findings, error }: Outcome): unknown {
  return {
    template: template?.path ?? name,
    ...(template ? { name: template.name, version: template.version } : {}),
    valid: error === undefined,
    ...(error ? { error: reportError(error) } : {}),
    problems: error?.lines ?? [],
    warnings: findings.warnings,
    notes: findings.notes,
  };
}

function show({ template, findings, error }: Outcome, output: Output): void {
  for (const [kind, lines] of Object.entries({
    warning: findings.warnings,
    note: findings.notes,
  })) {
    for (const line of lines) output.log(wrapText(`${kind}: ${line}`, output.columns).join("\n"));
  }
  if (error) output.printError(error);
  else if (template) {
    const { steps, inputSpecs } = template;
    const counts = [countOf(steps.length, "step"), countOf(inputSpecs.size, "input")].join(", ");
    const image = template.packer ? `: ${template.name}` : "";
    output.print(
      `${shortPath(template.path)}${image}: ${output.stdoutStyle.green("valid")} (${counts})`,
    );
  }
}

/** Runs the command; returns 0, or the exit code of the first template that is not valid. */
export async function validate(names: readonly string[], flags: ValidateFlags): Promise<number> {
  const output = createOutput(flags);
  const outcomes: Outcome[] = [];
  await interruptible(async (signal) => {
    for (const name of names) {
      for (const outcome of await validateOne(name, flags, signal)) {
        outcomes.push(outcome);
        if (!flags.json) show(outcome, output);
      }
    }
  });
  if (flags.json) {
    const reports = outcomes.map(jsonOf);
    output.printJson(reports.length === 1 ? reports[0] : { results: reports });
  }
  return outcomes.find(({ error }) => error)?.error?.exitCode ?? 0;
}
