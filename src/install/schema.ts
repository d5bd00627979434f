/** Defines the schema of `base.install`: an installer, its files, and its end. */
import { z } from "zod";
import { diskSize, durationOr, hostPath } from "../fields.js";
import { refuseUnusedSignature, urlSourceFields } from "../inputs/url-source.js";

/** Default values. Milliseconds. */
const INSTALL_DEFAULTS = {
  timeoutMs: 60 * 60_000,
  bootWaitMs: 10_000,
  keyIntervalMs: 100,
  waitMs: 5 * 60_000,
} as const;

/**
 * References that have a value only while the installer runs: the address of the HTTP server,
 * without a slash at its end, with and without `http://`, and the public key of the build, one line.
 */
export const INSTALL_REFERENCES = ["http.url", "http.address", "ssh.publicKey"] as const;

/** Prefix of a path inside the ISO image. */
export const IN_ISO = "iso:/";

const source = z.union(
  [
    z
      .strictObject(urlSourceFields)
      .superRefine(refuseUnusedSignature)
      .describe("file that is downloaded"),
    z
      .strictObject({
        path: hostPath(z.string().min(1).describe("path of a file, relative to the template")),
      })
      .describe("file on this host"),
  ],
  { error: "a file is {url, checksum} or {path}" },
);

const bootFile = z.union(
  [
    z
      .string()
      .startsWith(IN_ISO)
      .min(IN_ISO.length + 1),
    source,
  ],
  { error: 'a kernel or initrd is {url, checksum}, {path}, or "iso:/path" for a file in the ISO' },
);

const fileName = z
  .string()
  .regex(/^[^/\0]+(?:\/[^/\0]+)*$/, "must be a relative path without empty parts")
  .refine((name) => !name.split("/").some((part) => part === "." || part === ".."), {
    error: 'must not contain "." or ".."',
  });

const files = z.record(
  fileName,
  z.union(
    [
      hostPath(z.string().min(1).describe("path of a file, relative to the template")),
      z.strictObject({ content: z.string().describe("content of the file") }),
    ],
    { error: "a file is a path, or {content}" },
  ),
);

const media = z.union(
  [
    z
      .strictObject({
        label: z
          .string()
          .regex(/^[A-Za-z0-9_.-]{1,32}$/, "consists of up to 32 letters, digits and _ . -")
          .describe("volume label, such as OEMDRV or cidata"),
        files: files.describe("content by name; references in text files are filled in"),
      })
      .describe("CD"),
    z
      .strictObject({
        floppy: z.literal(true).describe("a floppy disk instead of a CD"),
        label: z
          .string()
          .regex(/^[A-Za-z0-9_-]{1,11}$/, "consists of up to 11 letters, digits and _ -")
          .optional()
          .describe("volume label"),
        files: files.describe("content by name; at most 1.44 MB"),
      })
      .describe("floppy disk"),
  ],
  { error: "a medium is {label, files} for a CD, or {floppy: true, files}" },
);

const bootCommandStep = z.union(
  [
    z.string().describe("keys in Packer's notation"),
    z
      .strictObject({
        waitForText: z
          .string()
          .min(1)
          .describe("text on the serial console, or a regular expression between slashes"),
        timeout: durationOr(INSTALL_DEFAULTS.waitMs).describe("time limit"),
      })
      .describe("wait for a text"),
    z
      .strictObject({
        waitForScreen: z.literal("stable").describe("the screen no longer changes"),
        timeout: durationOr(INSTALL_DEFAULTS.waitMs).describe("time limit"),
      })
      .describe("wait for the screen"),
  ],
  {
    error:
      'a step of a boot command is a text to type, {waitForText}, or {waitForScreen: "stable"}',
  },
);

const fields = z.strictObject({
  iso: source.optional().describe("installer medium, attached as a CD"),
  image: source
    .optional()
    .describe(
      "disk image to start from instead of an empty disk, for keys that are typed to the system in it",
    ),
  kernel: bootFile.optional().describe("Linux kernel to start instead of a boot loader"),
  initrd: bootFile.optional().describe("initial RAM disk of that kernel"),
  commandLine: z
    .string()
    .optional()
    .describe("kernel parameters; may contain ${http.url} and ${ssh.publicKey}"),
  media: z.array(media).default([]).describe("further CDs, and a floppy"),
  cdBus: z
    .enum(["sata", "virtio-scsi"])
    .default("sata")
    .describe("controller of the CDs; sata is IDE on the machine type pc"),
  disk: diskSize
    .optional()
    .describe("size of the disk that is installed to; `machine.disk` if omitted"),
  http: z
    .strictObject({
      folders: z
        .array(hostPath(z.string().min(1)))
        .default([])
        .describe("folders to serve as they are"),
      files: files.default({}).describe("files to serve; references in text files are filled in"),
    })
    .optional()
    .describe("HTTP server for the installer, at ${http.url}"),
  bootWait: durationOr(INSTALL_DEFAULTS.bootWaitMs).describe("delay before the first key"),
  keyInterval: durationOr(INSTALL_DEFAULTS.keyIntervalMs).describe("delay after each key event"),
  bootCommand: z
    .array(bootCommandStep)
    .default([])
    .meta({ default: [] })
    .describe("keys to type, and waits between them"),
  end: z
    .enum(["poweroff", "reboot", "ssh"])
    .default("poweroff")
    .describe(
      "what ends the installation: the guest powers off, it restarts, or the installed system accepts an SSH login",
    ),
  timeout: durationOr(INSTALL_DEFAULTS.timeoutMs).describe("time limit of the installation"),
  failOn: z
    .array(z.string().min(1))
    .default([])
    .describe("regular expressions; a console line that matches one ends the installation"),
});

/** Schema of `base.install`. */
export const installSchema = fields.superRefine((install, context) => {
  const problem = (key: string, message: string): void =>
    context.addIssue({ code: "custom", path: [key], message });
  const { iso, image, kernel, initrd, commandLine } = install;
  if (iso === undefined && kernel === undefined && image === undefined) {
    problem("iso", "an installer needs an ISO image, a kernel, or a disk image");
  }
  if (kernel === undefined) {
    if (initrd !== undefined) problem("initrd", "an initrd needs a kernel");
    if (commandLine !== undefined) problem("commandLine", "a command line needs a kernel");
  }
  for (const [key, file] of Object.entries({ kernel, initrd })) {
    if (typeof file === "string" && iso === undefined) problem(key, `"${file}" needs an iso`);
  }
  if (install.media.filter((medium) => "floppy" in medium).length > 1) {
    problem("media", "a machine has one floppy drive");
  }
  const cds = install.media.filter((medium) => !("floppy" in medium)).length;
  if (cds + (iso === undefined ? 0 : 1) > MAX_CDS) {
    problem("media", `a machine has at most ${MAX_CDS} CD drives, with that of the ISO`);
  }
  for (const [index, pattern] of install.failOn.entries()) {
    if (!isPattern(pattern)) problem(`failOn.${index}`, "is not a valid regular expression");
  }
});

/** Number of CD drives on the controllers of both machine types. */
const MAX_CDS = 4;

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    // The message of the schema says so.
    return false;
  }
}

/** Parsed definition of an installation. Sizes are bytes, durations milliseconds. */
export type InstallDefinition = z.infer<typeof installSchema>;
/** Kernel or initrd: a file, or a path in the ISO image. */
export type BootFile = NonNullable<InstallDefinition["kernel"]>;
/** File that is fetched like an input. */
export type InstallSource = NonNullable<InstallDefinition["iso"]>;
/** Files by name: paths relative to the template, or their content. */
export type InstallFiles = InstallDefinition["media"][number]["files"];
/** Step of a boot command. */
export type BootCommandStep = InstallDefinition["bootCommand"][number];
