/** Determines which programs and services a guest has, and which features it therefore lacks. */
import { z } from "zod";

/** Programs that features depend on and that a guest may lack. */
const PROGRAMS = ["bash", "fstrim", "getent", "perl", "python3", "sha256sum", "tar"] as const;

/** One of the programs that are looked for. */
type Program = (typeof PROGRAMS)[number];

const INITS = ["systemd", "openrc", "busybox", "other"] as const;

/** Schema of {@link Capabilities}. */
const capabilitiesSchema = z.object({
  /** Init system that runs. */
  init: z.enum(INITS),
  /** How the login user becomes root. */
  privilege: z.enum(["root", "sudo", "doas"]),
  /** True where the rescue SSH server runs. */
  rescueServer: z.boolean(),
  /** True where the kernel reports a boot ID. */
  bootId: z.boolean(),
  /** Programs that the guest has, of those that features depend on. */
  programs: z.array(z.enum(PROGRAMS)),
});

/** Capabilities of a guest. */
export type Capabilities = z.infer<typeof capabilitiesSchema>;

/** Reads capabilities that a checkpoint recorded; undefined where it has none. Pure. */
export function readCapabilities(recorded: unknown): Capabilities | undefined {
  return capabilitiesSchema.safeParse(recorded).data;
}

const MARKER = "vmbuild-capability";

/**
 * Shell script whose output {@link parseCapabilities} reads. It starts at most one program, because
 * an emulated guest takes a twentieth of a second for each.
 */
export const PROBE = `
say() { echo "${MARKER} $1"; }
probe() {
  for program in ${PROGRAMS.join(" ")}; do
    ! command -v "$program" >/dev/null 2>&1 || say "program $program"
  done
  if [ -d /run/systemd/system ]; then say "init systemd"
  elif [ -d /run/openrc ]; then say "init openrc"
  else case $(readlink /proc/1/exe) in */busybox) say "init busybox" ;; esac
  fi
  ! [ -r /proc/sys/kernel/random/boot_id ] || say "boot-id"
}
probe
`;

/** Line that a script prints once the rescue SSH server runs. */
export const RESCUE_SERVER_LINE = `${MARKER} rescue-server`;

/**
 * Parses the output of {@link PROBE}. Other lines are ignored. Pure.
 * @param privilege how the commands of the probe became root.
 */
export function parseCapabilities(
  lines: readonly string[],
  privilege: Capabilities["privilege"],
): Capabilities {
  const words = lines.flatMap((line) => {
    const [marker, kind = "", value = ""] = line.trim().split(" ");
    return marker === MARKER ? [{ kind, value }] : [];
  });
  const has = (kind: string, value = ""): boolean =>
    words.some((word) => word.kind === kind && word.value === value);
  return {
    init: INITS.find((name) => has("init", name)) ?? "other",
    privilege,
    rescueServer: has("rescue-server"),
    bootId: has("boot-id"),
    programs: PROGRAMS.filter((name) => has("program", name)),
  };
}

/**
 * Returns a sentence for each feature that works differently, or not at all, in this guest. Pure.
 * Lost random seeding is reported when a guest is restored, and a missing shell by the step.
 */
export function lostFeatures({ programs, rescueServer, bootId }: Capabilities): string[] {
  const lacks = (program: Program): boolean => !programs.includes(program);
  return [
    ...(rescueServer
      ? []
      : [
          "The guest has no OpenSSH server for a second port: runs that resume from a checkpoint " +
            "connect through the guest's own SSH server.",
        ]),
    ...(bootId
      ? []
      : ["The guest reports no boot ID: a restart is recognized by the guest's uptime."]),
    ...(lacks("sha256sum")
      ? ["The guest has no sha256sum: transferred files are compared by size only."]
      : []),
    ...(lacks("tar") ? ["The guest has no tar: folders cannot be uploaded or downloaded."] : []),
    ...(lacks("fstrim")
      ? ["The guest has no fstrim: space that deleted files used may remain in the image."]
      : []),
  ];
}
