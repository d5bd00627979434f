/** Describes the stages of a guest that is not ready yet. */
import { cleanText } from "./text.js";

/**
 * Descriptions by the stage that the last attempt could not pass (src/guest/connection.ts lists
 * them).
 */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  listener: "network is up, SSH is not yet",
  banner: "starting, no network yet",
  handshake: "SSH answers, slowly",
  authentication: "SSH is up, the key is not accepted yet",
};

/** Returns the description of a stage, or the stage itself when there is none. */
export function describeStage(stage: string): string {
  return DESCRIPTIONS[stage] ?? cleanText(stage);
}
