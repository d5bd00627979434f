/** Error codes: a closed table, from which `docs/errors.md` is generated. */
import type { ExitCode } from "./exit-codes.js";

interface ErrorEntry {
  readonly exit: ExitCode;
  /** Meaning, in one sentence. */
  readonly meaning: string;
  /** General remedy; an error can carry a better hint of its own. */
  readonly remedy: string;
}

/** The closed table of error codes. */
export const ERRORS = {
  DEFECT: {
    exit: 1,
    meaning: "vmbuild itself did something that it should never do.",
    remedy: "Report it with the run's events.ndjson; the run folder is kept.",
  },
  USAGE: {
    exit: 2,
    meaning: "The command line does not fit the command.",
    remedy: "Run the command with --help to see its arguments and options.",
  },
  TEMPLATE_NOT_FOUND: {
    exit: 2,
    meaning: "No template was found at the given path or under the given name.",
    remedy: "Give the path of the JSON file, or the name of a folder under appliances/.",
  },
  TEMPLATE_INVALID: {
    exit: 2,
    meaning: "The template does not fit the schema, or refers to something that is not there.",
    remedy: "Correct each of the listed places; docs/template.md describes every field.",
  },
  VARIABLE_INVALID: {
    exit: 2,
    meaning: "A variable is unknown, missing, or has a value of the wrong type.",
    remedy: "Give values with --var NAME=VALUE, --var-file FILE or VMBUILD_VAR_NAME.",
  },
  MARKETPLACE_INVALID: {
    exit: 2,
    meaning: "An entry for OpenNebula's marketplace is missing, or does not fit its schema.",
    remedy: "Correct each of the listed places in the appliance's marketplace.yaml.",
  },
  BASE_TOO_LARGE: {
    exit: 2,
    meaning: "The disk that the template asks for is smaller than the base it starts from.",
    remedy: "Raise machine.disk to at least the base's virtual size.",
  },
  BUILD_UNKNOWN: {
    exit: 2,
    meaning: "No build of that name, or no run of it, is known on this host.",
    remedy: "`vmbuild list` shows the builds of this host.",
  },
  CHECKPOINT_UNKNOWN: {
    exit: 2,
    meaning: "The build has no checkpoint of that step, or none that can be used.",
    remedy: "`vmbuild checkpoints NAME` shows which there are.",
  },
  HOST_PROGRAM_MISSING: {
    exit: 3,
    meaning: "A program that the job needs is not installed, or is too old.",
    remedy: "`vmbuild doctor` names what is missing and the line that installs it.",
  },
  HOST_KVM_UNUSABLE: {
    exit: 3,
    meaning: "KVM was asked for and cannot run a guest here.",
    remedy: "Fix KVM (`vmbuild doctor` says how), or request emulation with --accel tcg.",
  },
  HOST_MEMORY: {
    exit: 3,
    meaning: "The host has less free memory than the machine asks for.",
    remedy: "Free some memory, or lower it: --memory 4G.",
  },
  HOST_SPACE: {
    exit: 3,
    meaning: "A disk of the host has too little free space for the job.",
    remedy: "`vmbuild prune` frees caches; XDG_CACHE_HOME and XDG_STATE_HOME move them.",
  },
  HOST_ENVIRONMENT: {
    exit: 3,
    meaning: "An environment variable of the host has a value that cannot be used.",
    remedy: "Correct the variable that the message names, or unset it.",
  },
  HOST_FOLDER: {
    exit: 3,
    meaning: "A folder of the host, or a file in it, cannot be read or written.",
    remedy:
      "XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR and TMPDIR move the folders that vmbuild writes to.",
  },
  HOST_UNSUPPORTED: {
    exit: 3,
    meaning: "The host cannot do something that the template asks for.",
    remedy: "`vmbuild doctor` shows what this host can do.",
  },
  HOST_OUTPUT: {
    exit: 3,
    meaning: "Standard output, or a file that an option names, cannot be written.",
    remedy: "Check the disk that it is on and its permissions, and run the command again.",
  },
  BUILD_LOCKED: {
    exit: 3,
    meaning: "Another run of the same build is under way.",
    remedy: "Wait for it to end, or stop it; the lock goes with its holder.",
  },
  INPUT_MISSING: {
    exit: 4,
    meaning: "A local file or folder that stands for an input is not there.",
    remedy: "Check the path; paths in a template are relative to the template.",
  },
  INPUT_DOWNLOAD: {
    exit: 4,
    meaning: "A download failed at every address, after every retry.",
    remedy: "Check the address and the network; what was received is kept and resumed.",
  },
  INPUT_CHECKSUM: {
    exit: 4,
    meaning: "A file does not have the checksum that the template promises.",
    remedy: "Correct the checksum if the new file is right; the wrong file was not kept.",
  },
  INPUT_SIGNATURE: {
    exit: 4,
    meaning: "A signature is missing, bad, or made by another key.",
    remedy: "Check the keyring and the address of the signature.",
  },
  INPUT_GIT: {
    exit: 4,
    meaning: "A git tree could not be fetched at the ref that was asked for.",
    remedy: "Check the address and the ref; --input NAME=PATH puts a local tree in its place.",
  },
  INPUT_OCI: {
    exit: 4,
    meaning: "A registry did not give an image, or one that cannot be an input.",
    remedy: "Check the image's name; --input NAME=PATH puts a local folder in its place.",
  },
  INPUT_UNPACK: {
    exit: 4,
    meaning: "A compressed file could not be unpacked.",
    remedy: "The archive may be cut short or of another format than its name says.",
  },
  BASE_INVALID: {
    exit: 4,
    meaning: "The base is not a disk image that a machine can start from.",
    remedy:
      "Check the file with `qemu-img info FILE`; docs/troubleshooting.md lists what can be a base.",
  },
  BASE_BOOTSTRAP: {
    exit: 4,
    meaning: "A base could not be made from the distribution's packages.",
    remedy: "The log holds mmdebstrap's output; check suite, packages and apt's mirror.",
  },
  MACHINE_START: {
    exit: 5,
    meaning: "QEMU did not start.",
    remedy: "QEMU's output is above; `vmbuild inspect` shows the argument list.",
  },
  MACHINE_DIED: {
    exit: 5,
    meaning: "QEMU ended while the build still needed it.",
    remedy: "If the signal was SIGKILL, the host may have run out of memory.",
  },
  MACHINE_QMP: {
    exit: 5,
    meaning: "QEMU refused or did not answer a command on its control socket.",
    remedy: "The run's qemu.log holds QEMU's output.",
  },
  CHECKPOINT_UNUSABLE: {
    exit: 5,
    meaning: "A checkpoint could not be saved, loaded or removed.",
    remedy: "`vmbuild run NAME --force` starts from the base and makes new ones.",
  },
  GUEST_TIMEOUT: {
    exit: 6,
    meaning: "The guest did not answer over SSH in time.",
    remedy: "The stage that was reached and the console's last lines say why.",
  },
  GUEST_BOOT: {
    exit: 6,
    meaning: "The guest cannot boot: its console shows a panic, or nothing to start from.",
    remedy: "Read the console: `vmbuild logs NAME --console`. Is the base made for this firmware?",
  },
  GUEST_HOST_KEY: {
    exit: 6,
    meaning: "A machine answered with another host key than the one the build pinned.",
    remedy: "The base may not run cloud-init, or something else answers on that port.",
  },
  GUEST_AUTH: {
    exit: 6,
    meaning: "The guest refused the build's key.",
    remedy: "Check ssh.user and that the base lets that user in by key.",
  },
  GUEST_SHELL: {
    exit: 6,
    meaning: "The guest lets the build in, but runs no commands for it.",
    remedy: "What the guest answered says why: an expired password, sudo, a ForceCommand, a shell.",
  },
  GUEST_LOST: {
    exit: 6,
    meaning: "The connection to the guest was lost while it was needed.",
    remedy: "The console may hold a panic or a shutdown: `vmbuild logs NAME --console`.",
  },
  GUEST_CLOUD_INIT: {
    exit: 6,
    meaning: "cloud-init ran the template's user-data and reported errors.",
    remedy: "Correct the user-data; the errors are listed above.",
  },
  STEP_FAILED: {
    exit: 7,
    meaning: "An action of a step failed.",
    remedy: "Read the step's log; `vmbuild ssh NAME` opens the machine as it failed.",
  },
  STEP_TIMEOUT: {
    exit: 7,
    meaning: "An action of a step did not end in the time it was given.",
    remedy: "Raise the timeout of the step, or find what it waits for in its log.",
  },
  VERIFY_FAILED: {
    exit: 8,
    meaning: "A post-condition of a step does not hold.",
    remedy: "The command and its output are above; the step did not do what it promises.",
  },
  SEAL_FAILED: {
    exit: 8,
    meaning: "Something of the build is still inside the image.",
    remedy: "The places are listed above; remove them in a last step, or see docs/trust.md.",
  },
  ACCEPTANCE_FAILED: {
    exit: 8,
    meaning: "An acceptance check does not hold, or could not be made.",
    remedy: "The report says which and why; `vmbuild boot NAME --ssh` looks inside the image.",
  },
  OUTPUT_UNWRITABLE: {
    exit: 9,
    meaning: "The output folder cannot be made or written to.",
    remedy: "Correct its permissions, or write elsewhere with --output DIR.",
  },
  OUTPUT_TAKEN: {
    exit: 9,
    meaning: "The artifact would replace something that is not an older artifact of the template.",
    remedy: "Give each template an output folder of its own: output.directory, or --output DIR.",
  },
  ARTIFACT_NAMES: {
    exit: 9,
    meaning:
      "A file made by a step has the name of the image, of its checksums or of the manifest.",
    remedy: "Give the step's file another name, or change output.filename.",
  },
  ARTIFACT_CONVERT: {
    exit: 9,
    meaning: "The image could not be written.",
    remedy: "qemu-img's output is above; the build's disk is kept.",
  },
  ARTIFACT_SPACE: {
    exit: 9,
    meaning: "The output's disk is full.",
    remedy: "Free some space, or write elsewhere with --output DIR.",
  },
  ARTIFACT_DIGEST: {
    exit: 9,
    meaning: "The image's checksums could not be computed or written.",
    remedy: "Check the output folder; the image itself was not published.",
  },
  ARTIFACT_INVALID: {
    exit: 9,
    meaning: "A finished artifact is incomplete, or its manifest cannot be understood.",
    remedy: "Build it again; a run that was cut off while it published leaves no manifest.",
  },
  INTERRUPTED: {
    exit: 130,
    meaning: "The run was interrupted (Ctrl-C).",
    remedy: "Run it again.",
  },
  TERMINATED: {
    exit: 143,
    meaning: "The run was asked to end (SIGTERM).",
    remedy: "Run it again.",
  },
} as const satisfies Record<string, ErrorEntry>;

/** One of the codes in {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;
