/** Provisioners `breakpoint` and `sleep`: pauses. */
import { sleepText } from "../durations.js";
import { pause } from "../provisioner.js";
import type { ProvisionerKind } from "../provisioner.js";
import { mapped, nothing } from "../rules.js";

/** Pause for a person. */
export const breakpointProvisioner: ProvisionerKind = {
  name: "breakpoint",
  rules: {
    note: nothing("use --break before:STEP or after:STEP, and `vmbuild ssh NAME`"),
    disable: nothing("use --break before:STEP or after:STEP, and `vmbuild ssh NAME`"),
  },
  convert(reader) {
    reader.say("note", "nothing", "use --break before:STEP or after:STEP, and `vmbuild ssh NAME`");
    return Promise.resolve();
  },
};

/** Pause of a given length. */
export const sleepProvisioner: ProvisionerKind = {
  name: "sleep",
  rules: { duration: mapped("a step that waits") },
  convert(reader, context) {
    const duration = reader.text("duration") ?? "0s";
    context.steps.add({
      title: `sleep ${duration}`,
      actions: [pause(sleepText(duration))],
      origin: reader.origin("duration"),
    });
    return Promise.resolve();
  },
};
