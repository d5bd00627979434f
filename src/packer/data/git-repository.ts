/** Data source `git-repository`: the state of a repository and of its work tree. */
import { mapOf } from "../eval/values.js";
import type { DataSourceKind } from "./data-source.js";
import { PATH_ARGUMENT, referenceNames, repositoryOf } from "./git.js";

export const gitRepository: DataSourceKind = {
  type: "git-repository",
  text: "`head`, the name of the branch or `HEAD`, `branches`, `tags` and `is_clean` of a repository. It runs git.",
  arguments: PATH_ARGUMENT,
  read: async (given, host) => {
    const repository = repositoryOf(given, host);
    // A repository without a commit has no head.
    await repository.git("rev-parse", "--verify", "HEAD");
    const branch = await repository.ask("symbolic-ref", "--quiet", "HEAD");
    const changes = await repository.git("status", "--porcelain");
    return mapOf([
      ["head", branch?.trim().replace(/^refs\/heads\//, "") ?? "HEAD"],
      ["branches", await referenceNames(repository, "refs/heads")],
      ["tags", await referenceNames(repository, "refs/tags")],
      ["is_clean", changes === ""],
    ]);
  },
};
