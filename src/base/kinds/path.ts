import { resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../../fields.js";
import type { PathSpec } from "../../inputs/kinds/path.js";
import { unpackPrograms } from "../../inputs/unpack.js";
import { inspectFromInput, resolveFromInput } from "../from-input.js";
import { defineBaseKind } from "../kind.js";

const schema = z
  .strictObject({
    path: hostPath(
      z
        .string()
        .min(1)
        .describe("path of a disk image, compressed or not, relative to the template"),
    ),
  })
  .describe("disk image on this host");

type Definition = z.infer<typeof schema>;

const specOf = ({ path }: Definition, folder: string): PathSpec => ({
  kind: "path",
  path: resolve(folder, path),
});

/** Disk image on this host. */
export const pathBase = defineBaseKind<Definition>({
  name: "path",
  form: "{path}",
  schema,
  mayUseOtherFiles: true,
  source: specOf,
  resolve: (base, context) => resolveFromInput(specOf(base, context.templateFolder), context),
  programs: ({ path }) => unpackPrograms(path),
  check(base, { templateFolder }) {
    const { path } = specOf(base, templateFolder);
    return Promise.resolve({ files: [{ key: ["path"], path, kind: "file" }], image: path });
  },
  inspect: (base, { templateFolder }) => inspectFromInput(specOf(base, templateFolder)),
});
