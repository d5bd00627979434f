/** Decides whether the host key of a server is the one that the user accepted. */
import type { Algorithms } from "ssh2";
import { VmbuildError } from "../../errors.js";
import { shellQuote } from "../../host/programs.js";
import type { KnownKey } from "./known-hosts.js";
import type { SshAddress } from "./address.js";
import { describeKey, keyType } from "../../seed/public-key.js";

type HostKeyAlgorithm = Extract<Algorithms["serverHostKey"], readonly unknown[]>[number];

/** Algorithms for host keys, in OpenSSH's order, by the type of the key. */
const ALGORITHMS: readonly (readonly [string, readonly HostKeyAlgorithm[]])[] = [
  ["ssh-ed25519", ["ssh-ed25519"]],
  ["ecdsa-sha2-nistp256", ["ecdsa-sha2-nistp256"]],
  ["ecdsa-sha2-nistp384", ["ecdsa-sha2-nistp384"]],
  ["ecdsa-sha2-nistp521", ["ecdsa-sha2-nistp521"]],
  ["ssh-rsa", ["rsa-sha2-512", "rsa-sha2-256"]],
];

/** Returns the algorithms to offer: those of known keys first, so that the server presents one. */
export function hostKeyAlgorithms(known: readonly KnownKey[]): HostKeyAlgorithm[] {
  const isKnown = (type: string): boolean => known.some((one) => one.type === type);
  const sorted = ALGORITHMS.toSorted(
    ([one], [other]) => Number(isKnown(other)) - Number(isKnown(one)),
  );
  return sorted.flatMap(([, algorithms]) => algorithms);
}

/**
 * Returns why a server is not trusted; undefined when its key is known.
 * @param blob the key that the server presented.
 */
export function refuseHostKey(
  blob: Buffer,
  known: readonly KnownKey[],
  { host, port }: SshAddress,
): VmbuildError | undefined {
  const key = blob.toString("base64");
  const type = keyType(blob);
  const shown = describeKey(blob);
  const server = port === 22 ? host : `${host}, port ${port}`;
  const revoked = known.find((one) => one.isRevoked && one.key === key);
  if (revoked) {
    const message = `The host key of ${server} is revoked (${revoked.place}): ${shown}`;
    return new VmbuildError("PUBLISH_FAILED", message, { hint: "Ask the server's administrator." });
  }
  const valid = known.filter((one) => !one.isRevoked);
  if (valid.some((one) => one.key === key)) return undefined;
  const ofType = valid.filter((one) => one.type === type);
  if (ofType.length > 0) {
    return new VmbuildError(
      "PUBLISH_FAILED",
      `${server} presented another host key than the known one: ${shown}`,
      {
        lines: ofType.map(({ place }) => `known from ${place}`),
        hint: "Another server may answer at that address. If its key was replaced on purpose, remove the old line.",
      },
    );
  }
  const scan = `ssh-keyscan -t ${type.replace(/^ssh-/, "").replace(/-.*/, "")}${port === 22 ? "" : ` -p ${port}`} ${shellQuote(host)}`;
  return new VmbuildError("PUBLISH_FAILED", `The host key of ${server} is not known: ${shown}`, {
    hint: `Compare the fingerprint, then add the key: ${scan} >> ~/.ssh/known_hosts`,
  });
}
