/** Renders the events of a run as the lines that Packer's builders print. */
import type { EventBody, Phase } from "../../events/types.js";
import { cleanText } from "../../events/sinks/text.js";
import type { MessageKind } from "./ui.js";

/** Text for one event. */
export interface BuildLine {
  readonly kind: MessageKind;
  readonly text: string;
}

/** Headings of phases: Packer's own where the phase does the same. */
const PHASE_HEADINGS: Readonly<Record<Phase, string>> = {
  host: "Checking this host...",
  inputs: "Retrieving files...",
  base: "Retrieving ISO",
  install: "Starting VM, booting from CD-ROM",
  seed: "Creating the seed...",
  disk: "Creating required virtual machine disks",
  resume: "Restoring the machine from a checkpoint...",
  boot: "Starting VM, booting disk image",
  connect: "Waiting for SSH to become available...",
  patches: "Collecting the patches...",
  seal: "Removing the build's keys and the guest's identity...",
  shutdown: "Gracefully halting virtual machine...",
  post: "Running the steps after the shutdown...",
  compact: "Converting hard drive...",
  digest: "Computing checksums...",
  describe: "Writing the manifest...",
  after: "Running post-processors...",
};

function say(text: string): BuildLine {
  return { kind: "say", text };
}

function stepTitle({ step, index, total }: { step: string; index: number; total: number }): string {
  return `Provisioning step ${index} of ${total}: ${cleanText(step)}`;
}

/** Returns the line of an event; undefined for events of which Packer shows nothing. */
export function buildLine(event: EventBody): BuildLine | undefined {
  switch (event.type) {
    case "phase.started":
      return say(PHASE_HEADINGS[event.phase]);
    case "guest.ready":
      return say("Connected to SSH!");
    case "step.started":
      return say(stepTitle(event));
    case "step.kept":
      return say(`${stepTitle(event)} (restored from a checkpoint)`);
    case "step.skipped":
      return say(`${stepTitle(event)} (skipped: it was done already)`);
    case "step.retried":
      return say(
        `Retrying after an error: attempt ${event.attempt} of ${event.of}: ${event.reason}`,
      );
    case "verify.finished":
      return event.ok ? undefined : { kind: "error", text: `Check failed: ${event.command}` };
    case "output": {
      const text = cleanText(event.line);
      return { kind: event.stream === "stderr" ? "error" : "message", text };
    }
    case "warning":
      return say([`Warning: ${event.message}`, ...(event.hint ? [event.hint] : [])].join("\n"));
    case "note":
      return { kind: "message", text: event.message };
    case "paused":
      return say(`Paused: ${event.reason}\n${event.release}`);
    case "resumed":
      return say("Resumed");
    default:
      return undefined;
  }
}
