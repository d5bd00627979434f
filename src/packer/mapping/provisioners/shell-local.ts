/** Provisioner `shell-local`: commands of the host. */
import { basename } from "node:path";
import { commonStep } from "../provisioner.js";
import type { ProvisionerKind } from "../provisioner.js";
import { LOCAL_RULES, readLocal } from "./local-commands.js";

/** Commands of the host. */
export const localProvisioner: ProvisionerKind = {
  name: "shell-local",
  rules: LOCAL_RULES,
  async convert(reader, context) {
    const commands = await readLocal(reader, context);
    if (!commands) return;
    const { before, timeout, retries } = commonStep(reader);
    const option =
      ["inline", "command", "script", "scripts"].find((name) => reader.has(name)) ?? "";
    const first = reader.texts(option)[0]?.trim().split("\n")[0] ?? "";
    const shown = option.startsWith("script") ? basename(first) : first;
    context.steps.add({
      title: `local ${reader.isSensitive(option) ? "" : shown}`,
      actions: [...before, { local: [...commands.run] }],
      environment: commands.environment,
      timeout,
      retries,
      origin: { what: reader.subject, place: reader.block.place },
    });
  },
};
