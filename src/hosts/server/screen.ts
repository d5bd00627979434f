/** Takes pictures of the screens of this host's machines, for another host. */
import { createHash } from "node:crypto";
import { openMachineScreen } from "../../builds/machine-screen.js";
import type { HostRequest } from "../messages.js";
import type { Answer } from "./answer.js";

/**
 * Returns the current picture of the machine of a build, unless the caller has it already.
 * @throws {VmbuildError} BUILD_UNKNOWN when the build is not running; the errors of the machine.
 */
export async function answerScreen({
  name,
  known,
}: Extract<HostRequest, { do: "screen" }>): Promise<Answer> {
  const screen = await openMachineScreen(name);
  const picture = await screen.picture(new AbortController().signal);
  const isKnown = createHash("sha256").update(picture).digest("hex") === known;
  if (isKnown) return { result: { changed: false } };
  const parts = (async function* () {
    yield picture;
  })();
  return { result: { changed: true }, bytes: picture.length, parts };
}
