/** What a guest is doing while it is not ready yet, in words. */
import { cleanText } from "./text.js";

/** By the stage that the last attempt could not pass (src/guest/connection.ts has them all). */
const WORDS: Readonly<Record<string, string>> = {
  listener: "network is up, waiting for SSH",
  banner: "booting, waiting for the network",
  handshake: "SSH answers slowly",
  authentication: "SSH is up, waiting until the key is accepted",
};

/** The words for a stage; the stage itself when there are none. */
export function stageWords(stage: string): string {
  return WORDS[stage] ?? cleanText(stage);
}
