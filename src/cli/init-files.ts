/** Generates the files of a new appliance. */

/** File with a path relative to the appliance's folder. */
interface NewFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** Description in the list that init prints. */
  readonly purpose: string;
}

function template(name: string, schema: string | undefined): string {
  const schemaLine = schema === undefined ? "" : `  "$schema": ${JSON.stringify(schema)},\n`;
  return `{
${schemaLine}  "name": ${JSON.stringify(name)},
  "version": "0.1.0",
  "description": "What this image is for.",

  // Values that a run can change: vmbuild run ${name} --var greeting=hello
  "variables": {
    "greeting": { "default": "welcome", "description": "the first line of /etc/motd" }
  },

  // A Debian base made from packages, on this host. Or a downloaded image:
  //   { "url": "https://…/image.qcow2", "checksum": "file:https://…/SHA512SUMS" }
  "base": { "bootstrap": { "suite": "bookworm" } },

  // auto: KVM where it works, emulation with a warning where it does not. Take kvm for real work.
  "machine": { "cpus": 2, "memory": "1G", "disk": "4G", "accelerator": "auto" },

  // Each step is done in order, and then proved: the commands of "verify" must succeed.
  "steps": [
    {
      "name": "setup",
      "actions": [{ "script": "setup.sh" }],
      "environment": { "GREETING": "\${var.greeting}" },
      "verify": ["grep -q \${name} /etc/motd"]
    }
  ],

  // Relative to the folder in which vmbuild is called.
  "output": { "directory": "output/\${name}", "filename": "\${name}-\${version}.qcow2" }
}
`;
}

function script(name: string): string {
  return `#!/usr/bin/env bash
# Sets up ${name}. Runs as root in the guest; the first command that fails ends the step.
set -euo pipefail

printf '%s\\nThis is ${name}.\\n' "$GREETING" >/etc/motd
`;
}

function readme(name: string): string {
  return `# ${name}

What this image is for, and how it is used.

\`\`\`sh
vmbuild validate ${name}    # check the template, without a machine
vmbuild inspect ${name}     # what a run would do
vmbuild run ${name}         # build output/${name}/${name}-0.1.0.qcow2
vmbuild run ${name} --break after:setup    # stop there; then: vmbuild ssh ${name}
\`\`\`
`;
}

/**
 * Returns the files of an appliance that validates and builds without changes.
 * @param schema the path of the JSON Schema relative to the folder, where there is one.
 */
export function newAppliance(name: string, schema: string | undefined): NewFile[] {
  return [
    {
      path: `${name}.json`,
      content: template(name, schema),
      mode: 0o644,
      purpose: "the template",
    },
    { path: "setup.sh", content: script(name), mode: 0o755, purpose: "script of its step" },
    { path: "README.md", content: readme(name), mode: 0o644, purpose: "documentation" },
    {
      path: ".gitignore",
      content: "# Images, where vmbuild is called from this folder.\noutput/\n",
      mode: 0o644,
      purpose: "excludes images from git",
    },
  ];
}
