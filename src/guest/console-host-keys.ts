/** Compares a learned host key with those that cloud-init prints on the console. */
import { stripVTControlCharacters } from "node:util";
import { VmbuildError } from "../errors.js";
import { readIfThere } from "../host/files.js";
import { describeKey } from "../seed/public-key.js";

/** Block that cloud-init prints at each boot (cloudinit/config/cc_keys_to_console.py). */
const BLOCK = /-----BEGIN SSH HOST KEY KEYS-----\s*\n(.*?)-----END SSH HOST KEY KEYS-----/gs;
const PUBLIC_KEY = /(?:ssh-|ecdsa-|sk-)\S+\s+(AAAA[A-Za-z0-9+/]+=*)/g;

/** Returns the host keys that a console shows last, as blobs in base64; empty where it shows none. */
export function shownHostKeys(console: string): string[] {
  const text = stripVTControlCharacters(console).replaceAll("\r", "");
  const last = [...text.matchAll(BLOCK)].at(-1)?.[1] ?? "";
  return [...last.matchAll(PUBLIC_KEY)].map(([, blob = ""]) => blob);
}

/**
 * Checks a host key that was learned at the first connection. The console cannot be reached over the
 * network, so its keys are those of the guest.
 * @param console path of the console's file.
 * @param learned blob in base64.
 * @throws {VmbuildError} GUEST_HOST_KEY when the console shows host keys, and this is none of them.
 */
export async function requireShownHostKey(console: string, learned: string): Promise<void> {
  const shown = shownHostKeys((await readIfThere(console)) ?? "");
  if (shown.length === 0 || shown.includes(learned)) return;
  throw new VmbuildError(
    "GUEST_HOST_KEY",
    "The SSH server presented a host key that the guest's console does not show",
    {
      lines: [
        ...shown.map((blob) => `console   ${describeKey(Buffer.from(blob, "base64"))}`),
        `found     ${describeKey(Buffer.from(learned, "base64"))}`,
      ],
      hint: "Check that no other program uses the port. If the base replaces its host keys late, give ssh.hostKey.",
    },
  );
}
