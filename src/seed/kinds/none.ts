/** No seed: the base lets the build in with credentials of its own. */
import { writeFileAtomic } from "../../host/files.js";
import { defineSeedKind } from "../kind.js";
import { SUDO_RULE } from "../login-hook.js";

/** No seed. Its file is empty, so that the files of all working disks are the same. */
export const noSeed = defineSeedKind({
  name: "none",
  fields: {},
  letsIn: false,
  problems: () => [],
  files: () => [],
  secrets: () => [],
  plan: () => ({
    way: "the base's own credentials, without a seed",
    media: {},
    givesHostKey: false,
    appliesAtEachBoot: false,
    setup: "",
    sudoRules: [SUDO_RULE],
    timeoutHint: "Check that the base gets an address by DHCP and starts an SSH server by itself.",
    sealScript: () => "",
    describe: () => Promise.resolve({ seed: "none" }),
    write: (_keys, destination) => writeFileAtomic(destination, "", 0o600),
  }),
});
