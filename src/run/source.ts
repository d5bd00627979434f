/** Records the commit from which an image is built. */
import type { Manifest } from "../artifact/manifest.js";
import { describeChanges } from "../host/work-tree.js";
import type { WorkTree } from "../host/work-tree.js";
import type { ContextWith } from "./context.js";

/** Largest number of uncommitted changes in a manifest. */
const MAX_CHANGES = 100;

/** Returns the state of the template's work tree, where it is known. */
export function workTreeOf({ options }: ContextWith<"options">): WorkTree | undefined {
  return options.workTree ?? options.template.workTree;
}

/** Returns the commit and the release for the manifest, where they are known. */
export function describeSource(
  context: ContextWith<"options">,
): Pick<Manifest, "source" | "release"> {
  const { release } = context.options;
  const workTree = workTreeOf(context);
  const changes = workTree ? describeChanges(workTree, MAX_CHANGES) : [];
  return {
    ...(workTree && {
      source: {
        branch: workTree.branch,
        commit: workTree.commit,
        dirty: changes.length > 0,
        ...(changes.length > 0 ? { changes } : {}),
      },
    }),
    ...(release === undefined ? {} : { release }),
  };
}

/**
 * Describes in a phrase how the commit or the release in the manifest of a finished image differs
 * from that which the options of this run state; undefined when none does.
 * @param recorded the manifest, read from `path`.
 */
export function findOtherSource(
  { options: { release, workTree } }: ContextWith<"options">,
  recorded: Manifest,
  path: string,
): string | undefined {
  if (release !== undefined && recorded.release !== release) return `${path} has another release`;
  if (workTree === undefined) return undefined;
  const { branch, commit, changes } = workTree;
  const isSame =
    recorded.source?.branch === branch &&
    recorded.source.commit === commit &&
    recorded.source.dirty === changes.length > 0;
  return isSame ? undefined : `${path} has another commit`;
}

/** Warns of uncommitted changes from which the image is built, and lists them. */
export function warnOfChanges(context: ContextWith<"options" | "emit">): void {
  const workTree = workTreeOf(context);
  if (!workTree || workTree.changes.length === 0) return;
  const changes = describeChanges(workTree)
    .map((change) => change.trim())
    .join(", ");
  context.emit({
    type: "warning",
    message: `The image is built from uncommitted changes: ${changes}`,
  });
}
