/** Lists the provisioners. A new one is a file in this folder and a line in {@link PROVISIONERS}. */
import type { ProvisionerKind } from "../provisioner.js";
import { ansibleLocalProvisioner } from "./ansible-local.js";
import { ansibleProvisioner } from "./ansible.js";
import { breakpointProvisioner, sleepProvisioner } from "./breakpoint.js";
import { fileProvisioner } from "./file.js";
import { gossProvisioner } from "./goss.js";
import { localProvisioner } from "./shell-local.js";
import { shellProvisioner } from "./shell.js";

/** Provisioners that vmbuild can follow. */
export const PROVISIONERS: readonly ProvisionerKind[] = [
  shellProvisioner,
  localProvisioner,
  fileProvisioner,
  ansibleProvisioner,
  ansibleLocalProvisioner,
  gossProvisioner,
  breakpointProvisioner,
  sleepProvisioner,
];

/** What to do about provisioners that vmbuild cannot follow, by their names. */
export const OTHER_PROVISIONERS: Readonly<
  Record<string, { readonly text: string; readonly isFatal: boolean }>
> = {
  powershell: { text: "is for Windows guests, which vmbuild does not build", isFatal: true },
  "windows-shell": { text: "is for Windows guests, which vmbuild does not build", isFatal: true },
  "windows-restart": { text: "is for Windows guests, which vmbuild does not build", isFatal: true },
  "windows-update": { text: "is for Windows guests, which vmbuild does not build", isFatal: true },
  inspec: { text: "run it from the host in a `local` action, with VMBUILD_SSH_*", isFatal: false },
  "hcp-sbom": { text: "make the SBOM in a step, and `download` it", isFatal: false },
};
