/** Data source `git-commit`: one commit of a repository. */
import { mapOf } from "../eval/values.js";
import { DataSourceError } from "./data-source.js";
import type { DataSourceKind } from "./data-source.js";
import { COMMIT_ARGUMENTS, commitOf, referenceNames, repositoryOf } from "./git.js";

/** Splits a commit object into its headers and its message; see `git cat-file commit`. */
function parseCommit(text: string): { headers: [name: string, value: string][]; message: string } {
  const end = text.indexOf("\n\n");
  const [head, message] = end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 2)];
  // Further lines of a value begin with a space.
  const lines = head.replaceAll("\n ", "\0").split("\n");
  const headers = lines.map((line): [string, string] => {
    const [name = "", ...words] = line.split(" ");
    return [name, words.join(" ").replaceAll("\0", "\n")];
  });
  return { headers, message };
}

/** Splits `A U Thor <author@example.org> 1700000000 +0100`. */
function parsePerson(text: string): { readonly person: string; readonly seconds: number } {
  const match = /^(.*>) (\d+) [+-]\d+$/s.exec(text);
  if (!match?.[1]) throw new DataSourceError(`found a commit without a time: ${text}.`);
  return { person: match[1], seconds: Number(match[2]) };
}

export const gitCommit: DataSourceKind = {
  type: "git-commit",
  text: "`hash`, `branches`, `author`, `committer`, `timestamp`, `pgp_signature`, `message`, `tree_hash` and `parent_hashes` of a commit. It runs git.",
  arguments: COMMIT_ARGUMENTS,
  read: async (given, host) => {
    const repository = repositoryOf(given, host);
    const hash = await commitOf(given, repository);
    const { headers, message } = parseCommit(await repository.git("cat-file", "commit", hash));
    const all = (name: string) => headers.flatMap(([one, value]) => (one === name ? [value] : []));
    const [author, committer] = ["author", "committer"].map((name) =>
      parsePerson(all(name)[0] ?? ""),
    );
    const signature = all("gpgsig")[0];
    const time = new Date((committer?.seconds ?? 0) * 1000).toISOString();
    return mapOf([
      ["hash", hash],
      ["branches", await referenceNames(repository, "refs/heads", [`--points-at=${hash}`])],
      ["author", author?.person ?? ""],
      ["committer", committer?.person ?? ""],
      ["timestamp", time.replace(/\.\d+Z$/, "Z")],
      ["pgp_signature", signature === undefined ? "" : `${signature}\n`],
      ["message", message],
      ["tree_hash", all("tree")[0] ?? ""],
      ["parent_hashes", all("parent")],
    ]);
  },
};
