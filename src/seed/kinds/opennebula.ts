/** Seed for one-context: OpenNebula's CONTEXT disk. */
import { z } from "zod";
import {
  CONTEXT_NAME,
  CONTEXT_SECRET_NAME,
  addressProblem,
  contextAddress,
  contextVariables,
  writeContextDisk,
} from "../context.js";
import type { ContextVariables } from "../context.js";
import { PLACEHOLDER_HOSTNAME } from "../hostname.js";
import { defineSeedKind } from "../kind.js";
import type { SeedContext } from "../kind.js";
import type { BuildKeys } from "../keys.js";
import { SUDO_RULE } from "../login-hook.js";
import { CONTEXT_MEDIA } from "../media.js";
import { shellQuote } from "../../host/programs.js";

const fields = {
  context: z
    .record(
      z.string().regex(CONTEXT_NAME, "not a valid name for a CONTEXT variable"),
      z
        .union([z.string(), z.number(), z.boolean()])
        .transform(String)
        .refine((text) => !text.includes("\0"), "must not contain a NUL character"),
    )
    .optional()
    .describe(
      "opennebula: variables of the CONTEXT disk; they override those that vmbuild sets, and " +
        "SSH_PUBLIC_KEY is added to the build's key",
    ),
};

/** Rule that one-context writes for USERNAME (one-apps, loc-20-set-username-password). */
const ONE_CONTEXT_RULE = "/etc/sudoers.d/one-context";

/**
 * Returns the variables of the disk: the user's, the defaults, and the user that the build logs in
 * as. one-context gives the key to USERNAME, and creates that user with sudo rights.
 */
function variablesOf(
  own: ContextVariables,
  { user, mac }: Pick<SeedContext, "user" | "mac">,
  publicKey: string,
): ContextVariables {
  const variables = contextVariables({ hostname: PLACEHOLDER_HOSTNAME, mac, publicKey }, own);
  return user === "root" ? variables : { USERNAME: user, ...variables };
}

/**
 * Removes the SSH host keys that one-context generated for the build: each copy of the image would
 * have the same ones, and one-context generates new ones only where there are none.
 */
function removeHostKeys({ learnedHost }: BuildKeys): string {
  if (learnedHost === undefined) return "";
  return `
if grep -qsF ${shellQuote(learnedHost)} /etc/ssh/ssh_host_*_key.pub && grep -rqs ssh-keygen /etc/one-context.d; then
  for file in /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub; do
    [ ! -e "$file" ] || erase "$file"
  done
fi
`;
}

/** CONTEXT disk, for bases that run one-context. */
export const openNebulaSeed = defineSeedKind({
  name: "opennebula",
  fields,
  letsIn: true,
  problems({ context: own = {} }, { user }) {
    const problems = [];
    const name = own["USERNAME"];
    if (name !== undefined && name !== user) {
      const message = `one-context gives the build's key to ${name}, and the build logs in as ${user}; set ssh.user to the same name`;
      problems.push({ key: ["context", "USERNAME"], message });
    }
    const message = addressProblem(own);
    if (message !== undefined) problems.push({ key: ["context", "ETH0_IP"], message });
    return problems;
  },
  files: () => [],
  secrets: ({ context: own = {} }) =>
    Object.entries(own).flatMap(([name, text]) =>
      CONTEXT_SECRET_NAME.test(name) ? [{ key: ["context", name], text }] : [],
    ),
  plan({ context: own = {} }, context) {
    const guestAddress = contextAddress(variablesOf(own, context, ""));
    return {
      way: "one-context, with a CONTEXT disk",
      media: { ...CONTEXT_MEDIA, ...(guestAddress === undefined ? {} : { guestAddress }) },
      givesHostKey: false,
      waitsFor: "one-context",
      appliesAtEachBoot: true,
      setup: "",
      sudoRules: [
        ...(context.user === "root" ? [] : [ONE_CONTEXT_RULE]),
        ...(context.hasOwnCredentials ? [SUDO_RULE] : []),
      ],
      timeoutHint:
        "Check that the base runs one-context; the console log shows what it did. Without a " +
        'driver for virtio disks or a CD drive the guest does not see the CONTEXT disk. A base with cloud-init needs "kind": "cloud-init".',
      sealScript: removeHostKeys,
      describe(redact) {
        const variables = Object.entries(variablesOf(own, context, ""));
        return Promise.resolve({
          seed: "CONTEXT disk",
          ...Object.fromEntries(
            variables.map(([name, text]) => [`seed context ${name}`, redact(text)]),
          ),
        });
      },
      write: ({ client }, destination, signal) =>
        writeContextDisk(variablesOf(own, context, client.public), destination, signal),
    };
  },
});
