/** Post-processor `shell-local`: commands of the host for the finished image. */
import type { PostProcessorKind } from "../post-processor.js";
import { LOCAL_RULES, readLocal } from "../provisioners/local-commands.js";

/** Commands of the host. */
export const localPostProcessor: PostProcessorKind = {
  name: "shell-local",
  rules: LOCAL_RULES,
  async convert(reader, context) {
    const commands = await readLocal(reader, context);
    if (commands) context.addAfter(commands.run, commands.environment, reader);
  },
};
