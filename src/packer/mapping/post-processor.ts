/** Shape of a kind of post-processor. */
import { BlockReader } from "./block.js";
import type { ImageContext } from "./context.js";
import type { PackerBlock } from "../model.js";
import { mapped, nothing } from "./rules.js";
import type { RuleTable } from "./rules.js";
import type { Environment } from "./provisioners/environment.js";

/** What a post-processor is converted with. */
export interface PostContext extends ImageContext {
  /** Adds commands that run when the image is published. */
  readonly addAfter: (
    run: readonly string[],
    environment: Environment,
    reader: BlockReader,
  ) => void;
}

/** Post-processor that vmbuild can follow. */
export interface PostProcessorKind {
  /** Name in `post-processor "NAME"`. */
  readonly name: string;
  readonly rules: RuleTable;
  readonly convert: (reader: BlockReader, context: PostContext) => Promise<void>;
}

/** Options that every post-processor has. */
export const COMMON_POST_RULES: RuleTable = {
  keep_input_artifact: nothing("the image is always kept"),
  only: mapped("it is left out of the other images"),
  except: mapped("it is left out of these images"),
};

/** Returns a reader of a post-processor. */
export function readPostProcessor(
  kind: Pick<PostProcessorKind, "name" | "rules">,
  block: PackerBlock,
  { keeper, report, runtime, source }: ImageContext,
): BlockReader {
  return new BlockReader(
    block,
    { ...COMMON_POST_RULES, ...kind.rules },
    {
      keeper,
      report,
      subject: `post-processor ${kind.name}`,
      runtime: {
        ...runtime,
        BuildName: source.buildName,
        BuilderType: source.type,
        Provider: "libvirt",
      },
      handled: new Set(["type", "name"]),
    },
  );
}
