/** Runs `packer inspect`. */
import { readPackerTemplate } from "../../../packer/load.js";
import type { PackerTemplate } from "../../../packer/model.js";
import type { Call } from "../command.js";
import { printProblems } from "../diagnostics.js";
import { buildsText, provisionersOf, valueText, variablesText } from "../inspect-text.js";
import { loadOptionsOf } from "../template-flags.js";
import type { Ui } from "../ui.js";

const NOTE = `
Note: If your build names contain user variables or template
functions such as 'timestamp', these are processed at build time,
and therefore only show in their raw form here.`;

/** Pads names to the width of the longest one. */
function padded(names: readonly string[]): (name: string) => string {
  const width = Math.max(0, ...names.map((name) => name.length));
  return (name) => name.padEnd(width);
}

function byName<Item extends { readonly name: string }>(items: readonly Item[]): Item[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function showVariables({ variables, unset }: PackerTemplate, ui: Ui): void {
  if (variables.length + unset.length === 0) {
    ui.print("say", "Variables:\n");
    return ui.print("say", "  <No variables>");
  }
  const required = [
    ...unset,
    ...variables.flatMap((one) => (one.default === undefined ? [one.name] : [])),
  ];
  if (required.length > 0) ui.print("say", "Required variables:\n");
  for (const name of required) {
    ui.machine("template-variable", [name, "", "1"]);
    ui.print("say", `  ${name}`);
  }
  if (required.length > 0) ui.print("say", "");
  ui.print("say", "Optional variables and their defaults:\n");
  const pad = padded([...unset, ...variables.map(({ name }) => name)]);
  for (const one of byName(variables)) {
    if (one.default === undefined) continue;
    const value = one.sensitive ? "<sensitive>" : valueText(one.default);
    ui.machine("template-variable", [one.name, value, "0"]);
    ui.print("say", `  ${pad(one.name)} = ${value}`);
  }
}

function showLegacy(template: PackerTemplate, ui: Ui): void {
  ui.print("say", "Packer Inspect: JSON mode");
  const sources = template.builds.flatMap((build) => build.sources);
  const description = template.builds[0]?.description ?? "";
  if (description !== "") {
    ui.print("say", "Description:\n");
    ui.print("say", `${description}\n`);
  }
  showVariables(template, ui);
  ui.print("say", "");
  ui.print("say", "Builders:\n");
  const pad = padded(sources.map(({ name }) => name));
  for (const { name, type } of byName(sources)) {
    ui.machine("template-builder", [name, type]);
    ui.print("say", `  ${pad(name)}${name === type ? "" : ` (${type})`}`);
  }
  ui.print("say", "");
  ui.print("say", "Provisioners:\n");
  const provisioners = template.builds.flatMap(provisionersOf);
  if (provisioners.length === 0) ui.print("say", "  <No provisioners>");
  for (const type of provisioners) {
    ui.machine("template-provisioner", [type]);
    ui.print("say", `  ${type}`);
  }
  ui.print("say", NOTE);
}

/** Lists the parts of a template. As in Packer, variables without a value are no problem here. */
export function inspect({ ui, values, secrets, args: [path = ""] }: Call): number {
  const { template, problems } = readPackerTemplate(path, loadOptionsOf(values));
  if (!template) {
    printProblems(ui, problems);
    return 1;
  }
  for (const secret of template.secrets) secrets.add(secret);
  if (template.syntax === "json") {
    showLegacy(template, ui);
    return 0;
  }
  ui.print("say", "Packer Inspect: HCL2 mode\n");
  ui.print("say", variablesText(template));
  ui.print("say", buildsText(template));
  return 0;
}
