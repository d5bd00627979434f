/** Finds arguments of a template that collide with those with which vmbuild starts QEMU. */

/** Argument that collides. */
export interface ReservedArgument {
  /** Index of the option in the list. */
  readonly index: number;
  /** What is wrong and what to do, without a full stop. */
  readonly message: string;
}

/** Returns what is wrong with an option's value, or undefined. */
type Check = (value: string) => string | undefined;

const field =
  (name: string): Check =>
  () =>
    `it would override ${name}; set ${name}`;

/** Splits a value of QEMU's option syntax, `user,id=net`; two commas stand for one in a value. */
function propertiesOf(value: string): Map<string, string> {
  const parts = value.replaceAll(",,", "\0").split(",");
  return new Map(
    parts.map((part): [string, string] => {
      const text = part.replaceAll("\0", ",");
      const at = text.indexOf("=");
      return at < 0 ? ["", text] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** Reads the properties of `-device`, `-object` and the like, which may be written as JSON. */
function read(value: string): Map<string, string> {
  if (!value.startsWith("{")) return propertiesOf(value);
  try {
    const entries = Object.entries(JSON.parse(value) as Record<string, unknown>);
    return new Map(entries.map(([key, content]) => [key, String(content)]));
  } catch {
    return new Map(); // QEMU reports invalid JSON better.
  }
}

/** Refuses a property that has one of the values that vmbuild uses itself. */
const taken =
  (property: string, names: readonly string[], advice = "choose another name"): Check =>
  (value) => {
    const name = read(value).get(property);
    if (name === undefined || !names.includes(name)) return undefined;
    return `vmbuild uses ${property}=${name} itself; ${advice}`;
  };

/** Applies the first check that finds something. */
const firstOf =
  (...checks: readonly Check[]): Check =>
  (value) => {
    for (const check of checks) {
      const message = check(value);
      if (message !== undefined) return message;
    }
    return undefined;
  };

/** Properties of `-machine` that are fields of a template. */
const checkMachine: Check = (value) => {
  const properties = propertiesOf(value);
  if (properties.has("accel")) return field("machine.accelerator")(value);
  if (properties.has("type") || properties.has("")) return field("machine.type")(value);
  return undefined;
};

/** `-smp` may describe the topology of the CPUs, but not their number. */
const checkCpus: Check = (value) => {
  const properties = propertiesOf(value);
  const isCount = properties.has("cpus") || properties.has("");
  return isCount ? field("machine.cpus")(value) : undefined;
};

const checkFlash: Check = (value) =>
  propertiesOf(value).get("if") === "pflash"
    ? 'it would replace the firmware; set machine.firmware to "uefi", or to its files'
    : undefined;

/** Interfaces of `-drive` for disks that a guest sees at once; `none` only names one. */
const DISK_INTERFACES = ["virtio", "ide", "scsi"];

const MORE_DISKS =
  "a checkpoint would not include the disk; describe it in machine.disks, whose disks are saved and can be published";

/** Refuses a further disk that the guest could write to. The default interface is `ide`. */
const checkDisk: Check = (value) => {
  const properties = propertiesOf(value);
  const isFixed =
    properties.get("media") === "cdrom" ||
    ["on", "yes", "true", ""].includes(properties.get("readonly") ?? "off");
  const isDisk = DISK_INTERFACES.includes(properties.get("if") ?? "ide");
  return isDisk && !isFixed && value !== "" ? MORE_DISKS : undefined;
};

/** Prefix of the further names that vmbuild gives to devices, disks and networks. */
const OWN_PREFIX = "vmb-";

/** Refuses a property with a name of vmbuild's. */
const ownName =
  (property: string): Check =>
  (value) => {
    const name = read(value).get(property);
    return name?.startsWith(OWN_PREFIX)
      ? `names that begin with ${OWN_PREFIX} are vmbuild's own; choose another name`
      : undefined;
  };

const stopsBuild = (why: string): Check => {
  const message = `${why}, so the build could not go on`;
  return () => message;
};

/** Ids that vmbuild gives to devices (argv.ts, hotplug.ts). */
const DEVICES = ["scsi", "screen", "usb", "payload-slot", "balloon"];

/** Checks of QEMU's options, by their names without the dash. */
const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["m", field("machine.memory")],
  ["smp", checkCpus],
  ["cpu", field("machine.cpu")],
  ["machine", checkMachine],
  ["M", checkMachine],
  ["accel", field("machine.accelerator")],
  ["enable-kvm", field("machine.accelerator")],
  ["no-kvm", field("machine.accelerator")],
  ["bios", field("machine.firmware")],
  ["drive", firstOf(checkFlash, taken("id", ["disk"]), checkDisk)],
  ...["hda", "hdb", "hdc", "hdd"].map((name): [string, Check] => [name, () => MORE_DISKS]),
  [
    "blockdev",
    firstOf(
      taken("node-name", ["disk", "ro0", "ro1", "cd0", "cd1", "floppy"]),
      ownName("node-name"),
    ),
  ],
  [
    "netdev",
    firstOf(
      taken(
        "id",
        ["net"],
        "the network is set by machine.network, and further ones by machine.networks",
      ),
      ownName("id"),
    ),
  ],
  [
    "device",
    firstOf(
      taken("id", DEVICES),
      taken("netdev", ["net"]),
      ownName("netdev"),
      ownName("drive"),
      ownName("tpmdev"),
      taken("drive", ["disk"], "it is the build's own disk"),
    ),
  ],
  ["chardev", firstOf(taken("id", ["qmp", "console"]), ownName("id"))],
  ["tpmdev", ownName("id")],
  ["object", taken("id", ["rng"])],
  ["daemonize", stopsBuild("QEMU would leave the process that vmbuild watches")],
  ["S", stopsBuild("QEMU would not start the guest")],
  ["snapshot", stopsBuild("QEMU would discard all changes of the disk")],
  ["no-shutdown", stopsBuild("QEMU would not end when the guest powers off")],
  ["incoming", stopsBuild("QEMU would wait for a migration")],
  ["loadvm", stopsBuild("QEMU would load a snapshot of its own")],
]);

/**
 * Returns the arguments that collide with vmbuild's own. QEMU takes options with one dash or two.
 * Options that add something are none of them.
 */
export function reservedArguments(args: readonly string[]): ReservedArgument[] {
  return args.flatMap((argument, index) => {
    const name = /^--?([A-Za-z][\w-]*)$/.exec(argument)?.[1];
    const message = name === undefined ? undefined : CHECKS.get(name)?.(args[index + 1] ?? "");
    return message === undefined ? [] : [{ index, message: `${argument}: ${message}` }];
  });
}
