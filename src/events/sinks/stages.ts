/** Describes the stages of a guest that is not ready yet. */
import { cleanText } from "./text.js";

/**
 * Descriptions by the stage that the last attempt could not pass (src/guest/connection.ts lists
 * them).
 */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  listener: "network is up, waiting for SSH",
  banner: "booting, waiting for the network",
  handshake: "SSH answers slowly",
  authentication: "SSH is up, waiting until the key is accepted",
};

/** Returns the description of a stage, or the stage itself when there is none. */
export function describeStage(stage: string): string {
  return DESCRIPTIONS[stage] ?? cleanText(stage);
}
