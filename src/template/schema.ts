/** Defines the template's schema, from which the JSON Schema and the reference are generated. */
import { z } from "zod";
import { baseKindOf, baseSchema } from "../base/registry.js";
import { DEFAULT_LIMITS } from "../checkpoints/retention.js";
import {
  diskSize,
  durationOr,
  guestPath,
  identifier,
  limitSize,
  memorySize,
  sizeOr,
} from "../fields.js";
import { inputSchema } from "../inputs/registry.js";
import { ACCELERATOR_CHOICES } from "../machine/accelerator.js";
import { ARCHITECTURE_NAMES } from "../machine/architectures/registry.js";
import { DISK_BUSES } from "../machine/disk-bus.js";
import { reservedArguments } from "../machine/reserved-arguments.js";
import { seedProblems, seedSchema } from "../seed/registry.js";
import { sinksSchema } from "../sinks/registry.js";
import { stepSchema } from "../steps/schema.js";
import { afterSchema, missingChecksums, postSchema } from "./host-commands.js";
import { acceptanceSchema } from "./acceptance-schema.js";
import {
  deviceProblems,
  disksSchema,
  displaySchema,
  firmwareSchema,
  networksSchema,
} from "./devices-schema.js";
import { collidingDownloads } from "./downloads.js";
import {
  MACHINE_DEFAULTS,
  formatProblems,
  machineProblems,
  othersText,
  withArchitecture,
} from "./machine-schema.js";
import { outputNameProblems } from "./output-names.js";
import { diskLimitProblems, outputSchema } from "./output-schema.js";
import { sshSchema } from "./ssh-schema.js";

const GIB = 2 ** 30;
const MINUTE_MS = 60_000;

/** Default values of a template. Sizes are bytes. */
export const DEFAULTS = {
  cpus: 4,
  memory: 16 * GIB,
  disk: 50 * GIB,
  shutdownTimeoutMs: 2 * MINUTE_MS,
} as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** Schema of a variable's declaration. */
export const variableSchema = z
  .strictObject({
    type: z
      .enum(["string", "number", "boolean"])
      .optional()
      .describe("type of the value; if omitted, the type of `default`, or string without one"),
    default: scalar
      .optional()
      .describe("value that is used when none is given; a variable without one is required"),
    description: z.string().optional().describe("purpose of the variable"),
    sensitive: z
      .boolean()
      .default(false)
      .describe("treat the value as a secret: mask it in all logs, keep it out of argument lists"),
    allowed: z.array(scalar).min(1).optional().describe("list of permitted values"),
    pattern: z
      .string()
      .optional()
      .describe("regular expression (JavaScript syntax) that the whole value must match"),
  })
  .describe("declaration of a variable");

const machineSchema = z
  .strictObject({
    arch: z
      .enum(ARCHITECTURE_NAMES)
      .default(MACHINE_DEFAULTS.arch)
      .describe(
        "architecture of the guest, the same on every host; another than the host's needs emulation",
      ),
    cpus: z.int().min(1).max(255).default(DEFAULTS.cpus).describe("number of virtual CPUs"),
    memory: sizeOr(memorySize, DEFAULTS.memory).describe("guest RAM"),
    disk: sizeOr(diskSize, DEFAULTS.disk).describe(
      "virtual size of the disk; at least the virtual size of the base",
    ),
    skipResize: z
      .boolean()
      .default(false)
      .describe("leave the disk at the base's own size, whatever disk says"),
    diskBus: z
      .enum(DISK_BUSES)
      .default("virtio")
      .describe(
        "bus of the disk: virtio, scsi (virtio-scsi), sata (IDE with the machine type pc; Debian's cloud kernels have no driver for SATA, so bootstrapped bases get the generic one), or nvme (without checkpoints)",
      ),
    accelerator: z
      .enum(ACCELERATOR_CHOICES)
      .default("kvm")
      .describe("kvm, tcg (emulation, slow), or auto (KVM if it works, else TCG with a warning)"),
    cpu: z
      .string()
      .optional()
      .describe(
        "QEMU CPU model; if omitted, host with KVM, and with emulation the oldest that current distributions require: x86-64-v2, Armv8.0, RV64GC",
      ),
    type: z
      .string()
      .optional()
      .meta({ default: MACHINE_DEFAULTS.type })
      .describe(`QEMU machine type; by default ${othersText((one) => one.machineType)}`),
    firmware: firmwareSchema,
    secureBoot: z
      .boolean()
      .default(false)
      .describe(
        "start only boot loaders that Microsoft has signed (UEFI secure boot; not riscv64); a bootstrapped base gets such a loader",
      ),
    tpm: z
      .boolean()
      .default(false)
      .describe("give the machine a TPM 2.0 (swtpm); checkpoints include it, images do not"),
    display: displaySchema,
    disks: disksSchema,
    network: z
      .enum(["user", "isolated"])
      .default("user")
      .describe("user: NAT through the host; isolated: no connections out of the guest"),
    networks: networksSchema,
    arguments: z
      .array(z.string())
      .superRefine((args, context) => {
        for (const { index, message } of reservedArguments(args)) {
          context.addIssue({ code: "custom", path: [index], message });
        }
      })
      .default([])
      .describe(
        "arguments that are appended to QEMU's argument list; those that would override other fields or vmbuild's own arguments are refused",
      ),
    binary: z
      .string()
      .optional()
      .meta({ default: MACHINE_DEFAULTS.binary })
      .describe("QEMU executable: a name on PATH, or a path; by default that of `arch`"),
  })
  .transform(withArchitecture)
  .superRefine((machine, context) => {
    for (const { path, message } of [...machineProblems(machine), ...deviceProblems(machine)]) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  })
  .describe("virtual machine that the build runs in");

const sealSettings = z.strictObject({
  keep: z
    .array(guestPath)
    .default([])
    .describe(
      "paths of SSH private keys in the guest that all machines made from the image share on purpose: each must be there, and is reported; others in the folders .ssh cause a warning",
    ),
});

const checkpointsSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      keep: z.int().min(1).default(DEFAULT_LIMITS.count).describe("maximum number of checkpoints"),
      size: sizeOr(limitSize, DEFAULT_LIMITS.size).describe(
        "maximum disk space of all checkpoints",
      ),
    }),
  ])
  .prefault(true)
  .describe(
    "whether to save a checkpoint (disk and memory) after each step, for later runs to resume from; an object sets limits",
  );

/** Schema of the whole template. */
export const templateSchema = z
  .strictObject({
    $schema: z.string().optional().describe("URL or path of the JSON Schema, for editors; ignored"),
    extends: z
      .string()
      .optional()
      .describe(
        "path of another template, relative to this one, or its name: the values that this template does not set are taken from it",
      ),
    name: identifier.describe("name of the build; also part of folder and file names"),
    version: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9.+~_-]*$/,
        "a version consists of letters, digits and . + ~ _ -, and begins with a letter or digit",
      )
      .default("0.0.0")
      .describe("version of the image; part of its file name"),
    description: z.string().optional().describe("purpose of the image"),
    variables: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a valid name for a variable"),
        variableSchema,
      )
      .default({})
      .describe("values that a user can set with --var, --var-file or VMBUILD_VAR_<name>"),
    inputs: z
      .record(identifier, inputSchema)
      .default({})
      .describe("files and folders that steps use"),
    base: baseSchema,
    machine: machineSchema.prefault({}),
    ssh: sshSchema.prefault({}),
    seed: seedSchema.prefault({}),
    steps: z
      .array(stepSchema)
      .prefault([])
      .describe(
        "steps that run in the guest, in order; or an object with the steps by name, of which `null` removes one of a parent",
      ),
    checkpoints: checkpointsSchema,
    seal: z
      .union([z.boolean(), sealSettings])
      .default(true)
      .describe(
        "remove the build's keys and the guest's identity before shutdown, and fail if any are left; an object also declares private keys that the image is meant to hold",
      ),
    shutdown: z
      .strictObject({
        timeout: durationOr(DEFAULTS.shutdownTimeoutMs).describe(
          "time limit for the guest to power off",
        ),
      })
      .prefault({})
      .describe("shutdown of the guest"),
    output: outputSchema.prefault({}),
    post: postSchema,
    after: afterSchema,
    acceptance: acceptanceSchema.optional(),
    sinks: sinksSchema,
  })
  .superRefine((template, context) => {
    const seen = new Set<string>();
    for (const [index, step] of template.steps.entries()) {
      if (seen.has(step.name)) {
        const message = `the name "${step.name}" is used by another step`;
        context.addIssue({ code: "custom", path: ["steps", index, "name"], message });
      }
      seen.add(step.name);
    }
    const { base, seed, ssh } = template;
    const hasCredentials = ssh.password !== undefined || ssh.privateKey !== undefined;
    const baseLetsIn = hasCredentials || baseKindOf(base).mayLetBuildIn === true;
    for (const { key, message } of seedProblems(seed, { user: ssh.user, baseLetsIn })) {
      context.addIssue({ code: "custom", path: ["seed", ...key], message });
    }
    for (const { index, algorithm } of missingChecksums(
      template.after,
      template.output.checksums,
    )) {
      const message = `\${image.${algorithm}} has no value: output.checksums does not contain ${algorithm}`;
      context.addIssue({ code: "custom", path: ["after", index], message });
    }
    const outputProblems = [
      ...outputNameProblems(template),
      ...diskLimitProblems(template.output, template.machine),
      ...formatProblems(template.output, template.machine.arch),
      ...collidingDownloads(template.steps),
    ];
    for (const { path, message } of outputProblems) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  });

/** Template after variables, defaults and units. Sizes are bytes, durations milliseconds. */
export type TemplateValues = z.infer<typeof templateSchema>;
/** Declaration of a variable. */
export type VariableDeclaration = z.infer<typeof variableSchema>;
