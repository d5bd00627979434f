/** Lists the post-processors. A new one is a file in this folder and a line in {@link POST_PROCESSORS}. */
import type { PostProcessorKind } from "../post-processor.js";
import { checksumPostProcessor } from "./checksum.js";
import { compressPostProcessor } from "./compress.js";
import { artificePostProcessor, manifestPostProcessor } from "./manifest.js";
import { localPostProcessor } from "./shell-local.js";
import { vagrantPostProcessor } from "./vagrant.js";

/** Post-processors that vmbuild can follow. */
export const POST_PROCESSORS: readonly PostProcessorKind[] = [
  manifestPostProcessor,
  checksumPostProcessor,
  compressPostProcessor,
  localPostProcessor,
  vagrantPostProcessor,
  artificePostProcessor,
];
