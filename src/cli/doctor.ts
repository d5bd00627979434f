/** Implements `vmbuild doctor`: checks this host's prerequisites and suggests fixes. */
import { examineHost } from "../doctor/doctor.js";
import type { Check } from "../doctor/doctor.js";
import { ERRORS } from "../errors.js";
import type { Style } from "../events/sinks/style.js";
import { cleanText, wrapText } from "../events/sinks/text.js";
import type { Template } from "../template/load.js";
import { interruptible } from "./interrupt.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import { countOf } from "./table.js";

/** Flags of the command. */
export interface DoctorFlags extends TemplateFlags, OutputFlags {
  readonly json?: boolean;
}

const NOT_READY = ERRORS.HOST_UNSUPPORTED.exit;
/** Indentation of a check's text. */
const INDENT = 8;

function linesOf(check: Check, nameColumns: number, columns: number, style: Style): string[] {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[check.status];
  const wrapped = (label: string, text: string): string[] => {
    const [first = "", ...more] = wrapText(cleanText(text), columns - INDENT - label.length);
    const margin = " ".repeat(INDENT + label.length);
    return [
      `${" ".repeat(INDENT)}${style.dim(label)}${first}`,
      ...more.map((line) => margin + line),
    ];
  };
  const title = `${paint(check.status.padEnd(4))}  ${check.name.padEnd(nameColumns)}`;
  const found = cleanText(check.found);
  const fits = 6 + nameColumns + 2 + found.length <= columns;
  return [
    fits ? `${title}  ${found}` : title.trimEnd(),
    ...(fits ? [] : wrapped("", check.found)),
    ...(check.cost === undefined ? [] : wrapped("cost: ", check.cost)),
    ...(check.fix === undefined ? [] : wrapped("fix:  ", check.fix)),
  ];
}

/** Returns one sentence that summarizes all checks. */
function verdict(checks: readonly Check[], template: Template | undefined): string {
  const count = (status: Check["status"]): number =>
    checks.filter((check) => check.status === status).length;
  const what = template ? template.name : "a default machine with KVM";
  const warnings = count("warn") > 0 ? ` (${countOf(count("warn"), "warning")})` : "";
  const failures = count("fail");
  return failures > 0
    ? `This host cannot build ${what}: ${countOf(failures, "failure")}${warnings}.`
    : `This host can build ${what}${warnings}.`;
}

/** Runs the command; returns 0, or 3 when the job cannot run. */
export async function doctor(name: string | undefined, flags: DoctorFlags): Promise<number> {
  const output = createOutput(flags);
  const template = name === undefined ? undefined : await loadFromFlags(name, flags);
  const accelerator = flags.accel;
  const job = { ...(template ? { template } : {}), ...(accelerator ? { accelerator } : {}) };
  const checks = await interruptible((signal) => examineHost(job, signal));
  const ready = checks.every(({ status }) => status !== "fail");
  if (flags.json) {
    output.printJson({ ready, ...(template ? { template: template.path } : {}), checks });
  } else {
    const nameColumns = Math.max(...checks.map((check) => check.name.length));
    const style = output.stdoutStyle;
    for (const check of checks) {
      output.print(linesOf(check, nameColumns, output.columns, style).join("\n"));
    }
    output.print(`\n${style.bold(verdict(checks, template))}`);
  }
  return ready ? 0 : NOT_READY;
}
