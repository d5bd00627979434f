/** The base as templates write it. */
import { z } from "zod";
import { size } from "../fields.js";
import { signatureProblem, urlSourceFields } from "../inputs/url-source.js";

const bootstrapSchema = z
  .strictObject({
    suite: z.string().min(1).describe('Debian\'s code name, such as "bookworm" or "trixie"'),
    packages: z
      .array(z.string())
      .default([])
      .describe("packages beside those that make it boot and answer over SSH"),
    size: size.optional().describe("the base's own virtual size; the machine's disk grows it"),
  })
  .describe("a base made from Debian's packages alone, on this host");

const urlBase = z
  .strictObject(urlSourceFields)
  .superRefine((source, context) => {
    const message = signatureProblem(source);
    if (message) context.addIssue({ code: "custom", path: ["signature"], message });
  })
  .describe("a disk image that is downloaded; .xz, .gz and .zst are unpacked once");

/** The disk image that a build starts from, in any of its forms. */
export const baseSchema = z
  .union(
    [
      urlBase,
      z
        .strictObject({
          path: z.string().min(1).describe("a qcow2 or raw image, relative to the template"),
        })
        .describe("a disk image of this host"),
      z.strictObject({ bootstrap: bootstrapSchema }).describe("a base made from packages"),
      z
        .strictObject({ appliance: z.string().min(1).describe("another template's name or path") })
        .describe("another template's finished artifact"),
    ],
    { error: "a base is {url, checksum}, {path}, {bootstrap: {suite}} or {appliance}" },
  )
  .describe("the disk image that the build starts from");
