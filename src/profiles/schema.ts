/** Defines the schema of profiles, which describe how `vmbuild create` is to run a template. */
import { z } from "zod";
import { identifier } from "../fields.js";
import { ACCELERATOR_CHOICES } from "../machine/accelerator.js";

/** What `vmbuild create` does with a template. */
export const MODES = ["build", "attach"] as const;

/** Mode of a profile: a build, or steps on a machine that exists. */
export type Mode = (typeof MODES)[number];

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** Schema of a profile. Strings may refer to inputs of the call: `${input.NAME}`. */
export const profileSchema = z
  .strictObject({
    $schema: z.string().optional().describe("URL or path of the JSON Schema, for editors; ignored"),
    description: z.string().optional().describe("purpose of the profile"),
    mode: z
      .enum(MODES)
      .default("build")
      .describe("build: build the image; attach: run the steps on a machine that exists"),
    template: z
      .string()
      .min(1)
      .optional()
      .describe("path of the template, relative to the profile, or its name"),
    variables: z
      .record(z.string(), scalar)
      .default({})
      .describe("values for the template's variables"),
    machine: z
      .strictObject({
        cpus: z.int().min(1).max(255).optional().describe("number of virtual CPUs"),
        memory: z.string().min(1).optional().describe("memory of the guest, such as 4G"),
        disk: z.string().min(1).optional().describe("size of the guest's disk, such as 20G"),
        accelerator: z.enum(ACCELERATOR_CHOICES).optional().describe("kvm, tcg or auto"),
      })
      .default({})
      .describe("limits of the machine, in place of the template's"),
    ttl: z.string().min(1).optional().describe("time after which the run ends, such as 4h"),
    placement: z
      .literal("this-host")
      .default("this-host")
      .describe("host on which the run takes place"),
    output: z
      .string()
      .min(1)
      .optional()
      .describe("folder for the image, relative to the profile; if omitted, the template's"),
    hosts: z
      .array(z.string().min(1))
      .default([])
      .describe("machines for the mode attach, as [user@]host[:port]"),
    acceptNewHostKeys: z
      .boolean()
      .default(false)
      .describe("attach: accept host keys that are not known, and add them to known_hosts"),
    wait: z
      .string()
      .min(1)
      .default("0s")
      .describe("attach: time for which machines that are starting are waited for"),
    sinks: z
      .record(identifier, z.record(z.string(), z.unknown()))
      .default({})
      .describe("receivers of the events, by name, in addition to the template's"),
  })
  .describe("profile of `vmbuild create`");

/** Parsed profile. */
export type ProfileValues = z.infer<typeof profileSchema>;
