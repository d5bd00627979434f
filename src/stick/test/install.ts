/** Watches the installer of a stick, answers its questions, and waits for its end. */
import { readConsoleTail } from "../../machine/console.js";
import { parseKeys } from "../../machine/keys/notation.js";
import { Keyboard } from "../../machine/keys/type.js";
import { reasonOf } from "./start.js";
import type { Watched } from "./start.js";

/** Messages of the installer (appliances/usb-installer/live). */
const MESSAGES = {
  installed: /The image is installed on \/dev\/[^\s.]+\. Remove the stick\./,
  already: /This image is already installed on \/dev\/[^\s.]+\./,
  dryRun: /Nothing is written, because the mode is dry-run\./,
  number: /Number of the (?:disk|image), then Enter: /,
  agreement: /Type yes and press Enter to erase the disk: /,
  error: /ERROR: [^\n]*\n/,
} as const;

/** What is typed where the installer asks; the first of several images or disks is taken. */
const ANSWERS = { number: "1<enter>", agreement: "yes<enter>" } as const;

/** Number of answers after which the installer is taken to ask again and again. */
const MOST_ANSWERS = 5;

/** Messages after the installation, which the machine's end follows. */
const AT_END = { key: /Press a key to restart the machine\./ } as const;

async function type({ machine, signal }: Watched, keys: string): Promise<void> {
  await new Keyboard(machine, { signal }).type(parseKeys([keys]).events);
}

/** Returns the installer's error message. */
async function errorOf({ console }: Watched): Promise<string> {
  const lines = await readConsoleTail(console, 50);
  return lines.findLast((line) => line.startsWith("ERROR: "))?.slice("ERROR: ".length) ?? "unknown";
}

/** Waits until the installer ends the machine, as its setting `after` says. */
async function waitForEnd(started: Watched): Promise<string | undefined> {
  let seen = await started.watch.next(AT_END);
  if ("text" in seen) {
    await type(started, "<enter>");
    seen = await started.watch.next({});
  }
  if ("over" in seen && seen.over === "ended") return undefined;
  return "the installer has installed the image, but does not restart the machine";
}

/**
 * Waits until the stick has installed its image and has ended the machine.
 * @returns why it has not; undefined where it has.
 */
export async function watchInstallation(started: Watched): Promise<string | undefined> {
  for (let answers = 0; answers <= MOST_ANSWERS; answers++) {
    const seen = await started.watch.next(MESSAGES);
    if ("over" in seen) return reasonOf(seen, "the image was installed");
    switch (seen.text) {
      case "installed":
        return waitForEnd(started);
      case "already":
        return "the installer takes the empty disk for one that it has installed";
      case "dryRun":
        return "the mode of the stick is dry-run, so nothing was installed";
      case "error":
        return `the installer ended with the error: ${await errorOf(started)}`;
      default:
        await type(started, ANSWERS[seen.text]);
    }
  }
  return "the installer does not accept the answers to its questions";
}

/**
 * Waits until the stick has recognized the machine that it has installed.
 * @returns why it has not; undefined where it has.
 */
export async function watchRecognition({ watch }: Watched): Promise<string | undefined> {
  const { already, error } = MESSAGES;
  const installs = /Installation begins|Type yes and press Enter/;
  const seen = await watch.next({ already, error, installs });
  if ("over" in seen) return reasonOf(seen, "the installer recognized the machine");
  if (seen.text === "already") return undefined;
  return seen.text === "error"
    ? "the installer ended with an error"
    : "the installer would install the machine again";
}
