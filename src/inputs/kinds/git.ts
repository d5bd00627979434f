import { resolve } from "node:path";
import { z } from "zod";
import { hostPath } from "../../fields.js";
import { displayUrl } from "../address.js";
import { isUrl } from "../checksum.js";
import { compareGit } from "../git-freshness.js";
import { gitEntry, resolveGit } from "../git-input.js";
import type { GitSpec } from "../git-input.js";
import { commonInputFields, defineInputKind } from "../kind.js";

/** Returns whether the address is a relative path of a local repository, as opposed to host:path. */
const isRelativePath = (git: string): boolean => !isUrl(git) && /^\.{1,2}\//.test(git);

const withDot = (path: string): string => (/^\.{0,2}\//.test(path) ? path : `./${path}`);

const schema = z
  .strictObject({
    git: hostPath(
      z
        .string()
        .regex(/^[^-\s]\S*$/, "not a valid address of a git repository")
        .describe("URL, or path of the repository that begins with ./, ../ or /"),
      { change: (text, move) => (isRelativePath(text) ? withDot(move(text)) : text) },
    ),
    ref: z
      .string()
      .regex(/^[^-\s:*?[\\^~+][^\s:*?[\\^~]*$/, "a ref is a tag, a branch, or a commit ID")
      .describe("tag, branch, or commit ID"),
    submodules: z.boolean().default(false).describe("fetch submodules too"),
    ...commonInputFields,
  })
  .describe("files of one commit of a git repository, without its history");

/** Input kind for the tree of one commit of a git repository. */
export const gitInput = defineInputKind<z.infer<typeof schema>, GitSpec>({
  name: "git",
  form: "{git, ref}",
  schema,
  isLocal: false,
  digestIsStable: false,
  toSpec({ git, ref, submodules }, folder) {
    const url = isRelativePath(git) ? resolve(folder, git) : git;
    return { kind: "git", url, ref, ...(submodules ? { submodules } : {}) };
  },
  location: (spec, cacheFolder) => gitEntry(spec, cacheFolder).tree,
  resolve: resolveGit,
  compare: compareGit,
  programs: () => ["git"],
  files: ({ url }) => (url.startsWith("/") ? [{ key: ["git"], path: url, kind: "any" }] : []),
  inspect: ({ url, ref }, path) => ({
    origin: displayUrl(url),
    pinned: { label: "ref", value: ref },
    path,
    present: "cached",
    absent: "not cached",
  }),
});
