/** Defines the schema of a template's `ssh` section. */
import { z } from "zod";
import { durationOr, hostPath } from "../fields.js";
import { hostKeyFingerprint } from "../seed/public-key.js";

/** Default values of the section. */
const SSH_DEFAULTS = { port: 22, user: "root", timeoutMs: 30 * 60_000 } as const;

/** Schema of the `ssh` section. */
export const sshSchema = z
  .strictObject({
    port: z
      .int()
      .min(1)
      .max(65535)
      .default(SSH_DEFAULTS.port)
      .describe("port of the guest's SSH server"),
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "not a valid user name")
      .default(SSH_DEFAULTS.user)
      .describe("user that vmbuild logs in as; any but root needs sudo or doas"),
    password: z
      .string()
      .min(1)
      .optional()
      .describe(
        "password of that user, for a base that accepts it; also answers keyboard-interactive " +
          "prompts. Use a sensitive variable",
      ),
    privateKey: hostPath(
      z
        .string()
        .min(1)
        .optional()
        .describe(
          "path of a private key that the base accepts; relative to the template, without passphrase",
        ),
    ),
    hostKey: z
      .string()
      .refine((text) => hostKeyFingerprint(text) !== undefined, {
        error:
          "not a host key: give the line of /etc/ssh/ssh_host_ed25519_key.pub, or its fingerprint (SHA256:…)",
      })
      .optional()
      .describe(
        "host key of the base, as a public key or a SHA256 fingerprint; if omitted, the key that " +
          "the build gives the guest, or that of the first connection if password or privateKey is set",
      ),
    timeout: durationOr(SSH_DEFAULTS.timeoutMs).describe(
      "time limit for the first SSH login after the machine starts",
    ),
  })
  .describe("SSH connection to the guest");
