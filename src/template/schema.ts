/** Defines the template's schema, from which the JSON Schema and the reference are generated. */
import { z } from "zod";
import { compressionOf } from "../artifact/compact.js";
import { ALGORITHMS } from "../artifact/digest.js";
import { imageFilename } from "../artifact/names.js";
import { COMPRESSIONS, IMAGE_FORMATS, formatNamed } from "../artifact/registry.js";
import { baseKindOf, baseSchema } from "../base/registry.js";
import { DEFAULT_LIMITS } from "../checkpoints/retention.js";
import { diskSize, durationOr, identifier, limitSize, memorySize, sizeOr } from "../fields.js";
import { inputSchema } from "../inputs/registry.js";
import { ACCELERATOR_CHOICES } from "../machine/accelerator.js";
import { seedProblems, seedSchema } from "../seed/registry.js";
import { stepSchema } from "../steps/schema.js";
import { afterSchema, missingChecksums, postSchema } from "./host-commands.js";
import { acceptanceSchema } from "./acceptance-schema.js";
import { collidingDownloads } from "./downloads.js";
import { outputNameProblems } from "./output-names.js";
import { sshSchema } from "./ssh-schema.js";

const GIB = 2 ** 30;
const MINUTE_MS = 60_000;

/** Default values of a template. Sizes are bytes. */
export const DEFAULTS = {
  cpus: 4,
  memory: 16 * GIB,
  disk: 50 * GIB,
  machineType: "q35",
  shutdownTimeoutMs: 2 * MINUTE_MS,
  format: "qcow2",
} as const;

/** Name and version as a template refers to them. */
const REFERENCES = { name: "${name}", version: "${version}" };

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
    cpus: z.int().min(1).max(255).default(DEFAULTS.cpus).describe("number of virtual CPUs"),
    memory: sizeOr(memorySize, DEFAULTS.memory).describe("guest RAM"),
    disk: sizeOr(diskSize, DEFAULTS.disk).describe(
      "virtual size of the disk; at least the virtual size of the base",
    ),
    accelerator: z
      .enum(ACCELERATOR_CHOICES)
      .default("kvm")
      .describe("kvm, tcg (emulation, slow), or auto (KVM if it works, else TCG with a warning)"),
    cpu: z
      .string()
      .optional()
      .describe("QEMU CPU model; if omitted, host with KVM and x86-64-v2 with emulation"),
    type: z.string().default(DEFAULTS.machineType).describe("QEMU machine type"),
    firmware: z.enum(["bios", "uefi"]).default("bios").describe("guest firmware"),
    network: z
      .enum(["user", "isolated"])
      .default("user")
      .describe("user: NAT through the host; isolated: no connections out of the guest"),
    arguments: z
      .array(z.string())
      .default([])
      .describe("arguments that are appended to QEMU's argument list; none are removed for them"),
    binary: z
      .string()
      .default("qemu-system-x86_64")
      .describe("QEMU executable: a name on PATH, or a path"),
  })
  .describe("virtual machine that the build runs in");

const fileName = z
  .string()
  .regex(/^[^/\0]+$/, "must be a file name without folders")
  .refine((name) => name !== "." && name !== "..", "must be a file name");

const outputSchema = z
  .strictObject({
    directory: z
      .string()
      .refine((path) => /^[^\0]+$/.test(path), "must be the path of a folder, and not empty")
      .default("output/${name}")
      .describe("output folder, relative to the current folder"),
    filename: fileName
      .optional()
      .meta({ default: imageFilename({ ...REFERENCES, output: { format: DEFAULTS.format } }) })
      .describe("file name of the image; a raw image ends in .raw if this is omitted"),
    format: z.enum(IMAGE_FORMATS).default(DEFAULTS.format).describe("image format"),
    compression: z
      .enum(COMPRESSIONS)
      .optional()
      .meta({ default: compressionOf(DEFAULTS.format, undefined) })
      .describe(
        "zstd (read by QEMU 5.1 and later), zlib (for older readers), or none; a raw image is " +
          "never compressed",
      ),
    reproducible: z
      .boolean()
      .default(false)
      .describe("write identical bytes for identical disks; conversion takes longer"),
    checksums: z
      .array(z.enum(ALGORITHMS))
      .default(["sha256", "md5"])
      .describe("checksum files to write beside the image, one per algorithm"),
  })
  .superRefine(({ format, compression }, context) => {
    const { compressions } = formatNamed(format);
    if (compression === undefined || compressions.includes(compression)) return;
    const message =
      compressions.length === 1 && compressions[0] === "none"
        ? `a ${format} image cannot be compressed`
        : `the format ${format} supports the compressions ${compressions.join(", ")}`;
    context.addIssue({ code: "custom", path: ["compression"], message });
  })
  .describe("artifact: the image, its checksums and its manifest");

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
    steps: z.array(stepSchema).prefault([]).describe("steps that run in the guest, in order"),
    checkpoints: checkpointsSchema,
    seal: z
      .boolean()
      .default(true)
      .describe(
        "remove the build's keys and the guest's identity before shutdown, and fail if any are left",
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
    const outputProblems = [...outputNameProblems(template), ...collidingDownloads(template.steps)];
    for (const { path, message } of outputProblems) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  });

/** Template after variables, defaults and units. Sizes are bytes, durations milliseconds. */
export type TemplateValues = z.infer<typeof templateSchema>;
/** Declaration of a variable. */
export type VariableDeclaration = z.infer<typeof variableSchema>;
