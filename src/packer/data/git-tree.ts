/** Data source `git-tree`: the files of a commit. */
import { mapOf } from "../eval/values.js";
import type { DataSourceKind } from "./data-source.js";
import { COMMIT_ARGUMENTS, commitOf, repositoryOf } from "./git.js";

export const gitTree: DataSourceKind = {
  type: "git-tree",
  text: "`hash` of a commit, and `files`, the paths of its files. It runs git.",
  arguments: COMMIT_ARGUMENTS,
  read: async (given, host) => {
    const repository = repositoryOf(given, host);
    const hash = await commitOf(given, repository);
    const entries = await repository.git("ls-tree", "-r", "-z", "--full-tree", hash);
    // Each entry is `MODE TYPE ID<tab>PATH`; a submodule has the type commit, and is not a file.
    const files = entries
      .split("\0")
      .flatMap((entry) => /^\d+ blob [0-9a-f]+\t(.*)$/s.exec(entry)?.[1] ?? []);
    return mapOf([
      ["hash", hash],
      ["files", files],
    ]);
  },
};
