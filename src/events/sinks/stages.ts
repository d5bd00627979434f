/** What a guest is doing while it is not ready yet, in words. */
import { cleanText } from "./text.js";

/** By the stage that the last attempt could not pass (src/guest/connection.ts has them all). */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  listener: "network is up, SSH is not yet",
  banner: "starting, no network yet",
  handshake: "SSH answers, slowly",
  authentication: "SSH is up, the key is not accepted yet",
};

/** The words for a stage; the stage itself when there are none. */
export function describeStage(stage: string): string {
  return DESCRIPTIONS[stage] ?? cleanText(stage);
}
