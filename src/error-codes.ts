/** Error codes: a closed table, from which `docs/errors.md` is generated. */
import type { ErrorEntry } from "./exit-codes.js";
import { RELEASE_ERRORS } from "./release-error-codes.js";
import { RUN_ERRORS } from "./run-error-codes.js";

/** All error codes. */
export const ERRORS = {
  DEFECT: {
    exit: 1,
    meaning: "vmbuild encountered an internal error.",
    remedy: "Report it, and attach events.ndjson from the run folder.",
  },
  USAGE: {
    exit: 2,
    meaning: "The command line is invalid.",
    remedy: "Run the command with --help to see its arguments and options.",
  },
  TEMPLATE_NOT_FOUND: {
    exit: 2,
    meaning: "No template exists at the given path or under the given name.",
    remedy: "Give the path of the JSON file, or the name of a folder under appliances/.",
  },
  TEMPLATE_INVALID: {
    exit: 2,
    meaning: "The template does not match the schema, or refers to something that does not exist.",
    remedy: "Correct each listed problem; docs/template.md describes every field.",
  },
  VARIABLE_INVALID: {
    exit: 2,
    meaning: "A variable is unknown, has no value, or has an invalid value.",
    remedy: "Set variables with --var NAME=VALUE, --var-file FILE or VMBUILD_VAR_NAME.",
  },
  MARKETPLACE_INVALID: {
    exit: 2,
    meaning: "An entry for OpenNebula's marketplace is missing, or does not match its schema.",
    remedy: "Correct each listed problem in the appliance's marketplace.yaml.",
  },
  BASE_TOO_LARGE: {
    exit: 2,
    meaning: "The base is larger than the disk that the template requests.",
    remedy: "Set machine.disk to at least the base's virtual size.",
  },
  BUILD_UNKNOWN: {
    exit: 2,
    meaning: "This host has no build, or no run, of the given name.",
    remedy: "Run `vmbuild list` to see the builds on this host.",
  },
  CHECKPOINT_UNKNOWN: {
    exit: 2,
    meaning: "The build has no usable checkpoint of the given step.",
    remedy: "Run `vmbuild checkpoints list NAME` to see the checkpoints.",
  },
  HOST_PROGRAM_MISSING: {
    exit: 3,
    meaning: "A required program is not installed, or is too old.",
    remedy: "Run `vmbuild doctor` to see which program is missing and how to install it.",
  },
  HOST_KVM_UNUSABLE: {
    exit: 3,
    meaning: "KVM was requested, but it cannot run a guest on this host.",
    remedy: "Fix KVM (`vmbuild doctor` shows how), or request emulation with --accel tcg.",
  },
  HOST_MEMORY: {
    exit: 3,
    meaning: "The host has less free memory than the machine requires.",
    remedy: "Free some memory, or reduce the machine's: --memory 4G.",
  },
  HOST_SPACE: {
    exit: 3,
    meaning: "The host has too little free disk space.",
    remedy: "Run `vmbuild prune`, or move the caches with XDG_CACHE_HOME and XDG_STATE_HOME.",
  },
  HOST_ENVIRONMENT: {
    exit: 3,
    meaning: "An environment variable of the host has an invalid value.",
    remedy: "Correct or unset the variable that the message names.",
  },
  HOST_FOLDER: {
    exit: 3,
    meaning: "A folder of the host, or a file in it, cannot be read or written.",
    remedy:
      "Correct its permissions, or use another folder: XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR and TMPDIR select those that vmbuild writes to.",
  },
  HOST_UNSUPPORTED: {
    exit: 3,
    meaning: "The host does not support something that the template requires.",
    remedy: "Run `vmbuild doctor` to see what this host supports.",
  },
  HOST_OUTPUT: {
    exit: 3,
    meaning: "Standard output, or a file that an option names, cannot be written.",
    remedy: "Check its permissions and the free disk space, then run the command again.",
  },
  BUILD_LOCKED: {
    exit: 3,
    meaning: "Another run of the same build is in progress.",
    remedy: "Wait for it (`vmbuild wait NAME`), follow it (`vmbuild attach NAME`), or stop it.",
  },
  INPUT_MISSING: {
    exit: 4,
    meaning: "A local file or folder that is used as an input does not exist.",
    remedy: "Check the path; paths in a template are relative to the template.",
  },
  INPUT_DOWNLOAD: {
    exit: 4,
    meaning: "A download failed from every address, after all retries.",
    remedy: "Check the address and the network; the next run resumes a partial download.",
  },
  INPUT_CHECKSUM: {
    exit: 4,
    meaning: "A file does not have the checksum that the template specifies.",
    remedy: "Correct the checksum if the new file is the right one; the rejected file was deleted.",
  },
  INPUT_SIGNATURE: {
    exit: 4,
    meaning: "A signature is missing, invalid, or made with an untrusted key.",
    remedy: "Check the keyring and the address of the signature.",
  },
  INPUT_GIT: {
    exit: 4,
    meaning: "A git tree could not be fetched at the requested ref.",
    remedy: "Check the address and the ref, or use a local folder with --input NAME=PATH.",
  },
  INPUT_OCI: {
    exit: 4,
    meaning: "A registry did not provide the image, or the image cannot be used as an input.",
    remedy: "Check the name of the image, or use a local folder with --input NAME=PATH.",
  },
  INPUT_GALAXY: {
    exit: 4,
    meaning: "ansible-galaxy could not install the roles and collections that a playbook requires.",
    remedy: "Check the names and versions in the requirements file, and the server's address.",
  },
  INPUT_UNPACK: {
    exit: 4,
    meaning: "A compressed file could not be unpacked.",
    remedy: "Check whether the file is complete, and whether its format matches its name.",
  },
  BASE_INVALID: {
    exit: 4,
    meaning: "The base is not a disk image that a machine can boot.",
    remedy:
      "Check the file with `qemu-img info FILE`; see docs/troubleshooting.md for the formats.",
  },
  BASE_BOOTSTRAP: {
    exit: 4,
    meaning: "A base could not be created from the distribution's packages.",
    remedy: "Check mmdebstrap's output in the log, the suite, the packages and the apt mirror.",
  },
  BASE_INSTALL: {
    exit: 4,
    meaning: "An installer did not finish, or ended without a system that can be used.",
    remedy:
      "Read the installer's last lines, and look at its screen: the error names the file. `vmbuild screen NAME` shows it while the installer runs.",
  },
  MACHINE_START: {
    exit: 5,
    meaning: "QEMU did not start.",
    remedy: "Read QEMU's output above; `vmbuild inspect` shows the argument list.",
  },
  MACHINE_DIED: {
    exit: 5,
    meaning: "QEMU exited while the build still needed it.",
    remedy: "If the signal was SIGKILL, check whether the host ran out of memory.",
  },
  MACHINE_QMP: {
    exit: 5,
    meaning: "QEMU rejected or did not answer a command on its control socket.",
    remedy: "Read QEMU's output: `vmbuild logs NAME --qemu`.",
  },
  CHECKPOINT_UNUSABLE: {
    exit: 5,
    meaning: "A checkpoint could not be saved, loaded or removed.",
    remedy: "Run `vmbuild run NAME --force` to rebuild from the base and save new checkpoints.",
  },
  GUEST_TIMEOUT: {
    exit: 6,
    meaning: "The guest did not accept an SSH login in time.",
    remedy: "See the stage that was reached and the console's last lines above.",
  },
  GUEST_BOOT: {
    exit: 6,
    meaning: "The guest cannot boot: its console shows a panic, or no bootable device.",
    remedy: "Read `vmbuild logs NAME --console`, and check that the base supports the firmware.",
  },
  GUEST_HOST_KEY: {
    exit: 6,
    meaning: "The SSH server presented a host key other than the one that the build pinned.",
    remedy: "Check that the base runs cloud-init, and that no other program uses the port.",
  },
  GUEST_AUTH: {
    exit: 6,
    meaning: "The guest rejected the build's key.",
    remedy: "Check ssh.user, and that the base permits key-based login for that user.",
  },
  GUEST_SHELL: {
    exit: 6,
    meaning: "The guest accepts the login, but does not run commands.",
    remedy: "Look for an expired password, sudo, a ForceCommand or the login shell in the answer.",
  },
  GUEST_LOST: {
    exit: 6,
    meaning: "The connection to the guest was lost while it was needed.",
    remedy: "Check the console for a panic or a shutdown: `vmbuild logs NAME --console`.",
  },
  GUEST_CLOUD_INIT: {
    exit: 6,
    meaning: "cloud-init reported errors while it ran the template's user-data.",
    remedy: "Correct the user-data; the errors are listed above.",
  },
  STEP_FAILED: {
    exit: 7,
    meaning: "An action of a step failed.",
    remedy: "Read the step's log; `vmbuild ssh NAME` opens the machine as it failed.",
  },
  STEP_TIMEOUT: {
    exit: 7,
    meaning: "An action of a step exceeded its timeout.",
    remedy: "Increase the timeout, or find out from the step's log what it waits for.",
  },
  VERIFY_FAILED: {
    exit: 8,
    meaning: "A check of a step (`verify`) failed.",
    remedy: "Read the command and its output above; correct the step or the check.",
  },
  SEAL_FAILED: {
    exit: 8,
    meaning: "Keys or identifiers of the build are still inside the image.",
    remedy: "Remove the listed files in a last step, or see docs/trust.md.",
  },
  ACCEPTANCE_FAILED: {
    exit: 8,
    meaning: "An acceptance check failed, or could not be run.",
    remedy: "Read the report; `vmbuild boot NAME --ssh` opens a shell in the image.",
  },
  OUTPUT_UNWRITABLE: {
    exit: 9,
    meaning: "The output folder cannot be created or written to.",
    remedy: "Correct its permissions, or use another folder with --output DIR.",
  },
  OUTPUT_TAKEN: {
    exit: 9,
    meaning: "The artifact would overwrite a file that is not an older artifact of the template.",
    remedy: "Give each template its own output folder: output.directory, or --output DIR.",
  },
  ARTIFACT_NAMES: {
    exit: 9,
    meaning: "A file from a step has the same name as the image, a checksum file or the manifest.",
    remedy: "Rename the step's file, or change output.filename.",
  },
  ARTIFACT_CONVERT: {
    exit: 9,
    meaning: "The image could not be written.",
    remedy: "Read qemu-img's output above; the build's disk was not changed.",
  },
  ARTIFACT_SPACE: {
    exit: 9,
    meaning: "The disk that holds the output folder is full.",
    remedy: "Free some space, or use another folder with --output DIR.",
  },
  ARTIFACT_DIGEST: {
    exit: 9,
    meaning: "The image's checksums could not be computed or written.",
    remedy: "Check the output folder; the image was not published.",
  },
  ARTIFACT_INVALID: {
    exit: 9,
    meaning: "A finished artifact is incomplete, or its manifest is invalid.",
    remedy: "Build the image again.",
  },
  PROVENANCE_SIGN: {
    exit: 9,
    meaning: "The provenance of the image could not be signed.",
    remedy:
      "Check output.provenance.signingKey: an SSH private key without a passphrase, or a public key whose private key is in the SSH agent. No image was published.",
  },
  PUBLISH_FAILED: {
    exit: 9,
    meaning: "A finished image could not be published to its target.",
    remedy: "Correct the reason and publish again; the target still has what it had before.",
  },
  POST_FAILED: {
    exit: 9,
    meaning: "A command of `post` failed, or left a disk that cannot be used.",
    remedy: "Correct the command and run `vmbuild run NAME` again; no image was published.",
  },
  AFTER_FAILED: {
    exit: 9,
    meaning: "A command that runs when the image is published (`after`) failed.",
    remedy: "Correct the command and run `vmbuild run NAME` again; only these commands run.",
  },
  ...RELEASE_ERRORS,
  ...RUN_ERRORS,
} as const satisfies Record<string, ErrorEntry>;

/** One of the codes in {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;
