/** Renders docs/from-packer.md from the rules with which Packer templates are converted. */
import { DATA_SOURCES } from "../../packer/data/registry.js";
import { BUILDERS } from "../../packer/mapping/builders/registry.js";
import { COMMON_POST_RULES } from "../../packer/mapping/post-processor.js";
import { POST_PROCESSORS } from "../../packer/mapping/post-processors/registry.js";
import { COMMON_RULES } from "../../packer/mapping/provisioner.js";
import { OTHER_PROVISIONERS, PROVISIONERS } from "../../packer/mapping/provisioners/registry.js";
import type { RuleTable } from "../../packer/mapping/rules.js";
import { GENERATED, cell, code, table } from "./markdown.js";

/** Words for the three groups. */
const OUTCOMES = {
  mapped: "converted",
  nothing: "not needed",
  refused: "not possible",
} as const;

const INTRODUCTION = `# From Packer

${GENERATED}

A Packer template for QEMU can be used as it is, or converted.

\`\`\`sh
vmbuild inspect debian.pkr.hcl      # what becomes of each option
vmbuild validate debian.pkr.hcl
vmbuild run debian.pkr.hcl          # build its images
vmbuild import debian.pkr.hcl       # write debian.json, with comments
\`\`\`

The path is a \`.pkr.hcl\` or \`.pkr.json\` file, a \`.json\` file with \`builders\`, or a folder of the former. \`--var\`, \`--var-file\` (HCL or JSON), \`*.auto.pkrvars.hcl\` and \`PKR_VAR_*\` apply with Packer's precedence, \`--only\` and \`--except\` choose sources. Each source of a build is an image, and each provisioner is a step, named after its kind and its first line, so that checkpoints, \`--from\`, \`vmbuild ssh\` and \`--explain\` work as in any template.

Nothing is ignored silently. Every option belongs to one of three groups: it is _converted_, it is _not needed_ here, or it is _not possible_. \`vmbuild run\` and \`validate\` refuse a template with parts that are not possible, with a line for each; \`import\` lists them in the result as work that is left. [packer-comparison.md](packer-comparison.md) compares templates and commands for those who write a template anew.

Where a template sets nothing, Packer's defaults apply and not vmbuild's: 1 CPU, 512 MB, a disk of 40 GB, the machine type \`pc\`, \`output-NAME/packer-NAME\`, no compression, no time limit for a step. Three things are different on purpose: an accelerator that is not set is \`auto\`, a CPU model that is not set is vmbuild's own, and the seal removes the build's keys and the guest's identity from the image.

## What is recognized

- A NoCloud seed, however the guest gets it: a CD with the label \`cidata\`; an ISO image that \`cloud-localds\`, \`genisoimage\`, \`mkisofs\` or \`xorriso\` makes in a \`shell-local\` of a \`null\` build; \`-smbios\` with \`ds=nocloud\` and the HTTP server. It becomes \`seed.userData\` and \`seed.networkConfig\`. A CONTEXT disk becomes \`seed.kind\` \`opennebula\`, \`-fw_cfg\` with \`opt/com.coreos/config\` an Ignition seed.
- \`qemuargs\` become the fields that they mean: \`-m\`, \`-smp\`, \`-cpu\`, \`-machine\`, \`-accel\`, \`-bios\`, pflash drives, other drives (\`machine.disks\`), \`-cdrom\`, \`-device\` of disks, network cards and a TPM, \`-kernel\`. Others are \`machine.arguments\`.
- \`qemu_binary\` for another architecture than x86-64: \`machine.arch\`. Secure boot, where the store of UEFI variables has keys.
- \`execute_command\`: sudo, doas and su with a password or without, another shell, a folder, an environment. A command of another form, such as one with a condition, is run as it is, with the script in a file of the guest. Scripts without sudo run as \`ssh_username\`, in its home folder.
- A script that restarts the guest: the step waits until the guest answers again (\`expectReboot\`).
- A \`shutdown_command\` that does more than power off becomes a last step.
- A \`file\` provisioner's folder without a slash at its end keeps its name below the destination, as in Packer.`;

function rulesTable(rules: RuleTable): string {
  const rows = Object.entries(rules).map(([name, { outcome, text }]) => [
    code(name),
    OUTCOMES[outcome],
    cell(text),
  ]);
  return table(["Option", "", "In vmbuild, or the reason"], rows);
}

function dataTable(): string {
  const rows = DATA_SOURCES.map(({ type, text, arguments: known }) => [
    code(type),
    Object.keys(known).map(code).join(", "),
    cell(text),
  ]);
  return table(["Data source", "Arguments", "Value"], rows);
}

/** Renders docs/from-packer.md. */
export function fromPackerPage(): string {
  const others = Object.entries(OTHER_PROVISIONERS).map(([name, { text }]) => [
    code(name),
    cell(text),
  ]);
  return `${[
    INTRODUCTION,
    "## Data sources",
    "They are read each time the template is, also by `vmbuild validate`, `inspect` and `import`: requests are made and programs are run, unless the template has another problem. A value that changes changes the steps that use it. `import` writes the value that a data source has at that time. Other data sources are refused by name.",
    dataTable(),
    ...BUILDERS.flatMap(({ name, rules }) => [`## Builder ${code(name)}`, rulesTable(rules)]),
    "## Provisioners",
    "Options of every provisioner:",
    rulesTable(COMMON_RULES),
    ...PROVISIONERS.flatMap(({ name, rules }) => [`### ${code(name)}`, rulesTable(rules)]),
    "### Others",
    table(["Provisioner", "What to do"], others),
    "`error-cleanup-provisioner` is not needed: a failed machine is kept as it is, see `vmbuild ssh NAME`.",
    "## Post-processors",
    "They run when the image is published, in order.",
    rulesTable(COMMON_POST_RULES),
    ...POST_PROCESSORS.flatMap(({ name, rules }) => [`### ${code(name)}`, rulesTable(rules)]),
  ].join("\n\n")}\n`;
}
