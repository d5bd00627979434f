/** What the arguments of QEMU in a template mean. */

/** Disk or CD that arguments add. */
export interface DriveFact {
  readonly file: string;
  /** Properties of the drive, such as `if` and `format`. */
  readonly properties: ReadonlyMap<string, string>;
}

/** Facts that arguments state. */
export class ArgumentFacts {
  /** Size as a template of vmbuild has it. */
  memory: string | undefined;
  cpus: number | undefined;
  /** Value of `-smp` without the number of CPUs: `cores=2,threads=1`. */
  topology: string | undefined;
  cpu: string | undefined;
  machineType: string | undefined;
  accelerator: string | undefined;
  isUefi = false;
  firmwareCode: string | undefined;
  firmwareVariables: string | undefined;
  diskBus: string | undefined;
  networkModel: string | undefined;
  hasTpm = false;
  /** Images of CDs. */
  readonly cds: string[] = [];
  /** Disks, of which the build's own may be one. */
  readonly disks: DriveFact[] = [];
  /** Address of a NoCloud seed: `http://…/`. */
  seedAddress: string | undefined;
  ignition: string | undefined;
  kernel: string | undefined;
  initrd: string | undefined;
  commandLine: string | undefined;
  /** Remarks for the report. */
  readonly notes: string[] = [];
  /** Arguments that are passed on. */
  readonly passedOn: string[] = [];
  /** Arguments that cannot be followed, with what to do. */
  readonly refused: { readonly argument: string; readonly text: string }[] = [];
}

/** Splits a value of QEMU's option syntax; a first part without a name has the name "". */
export function propertiesOf(value: string): Map<string, string> {
  const parts = value.replaceAll(",,", "\0").split(",");
  const entries = parts
    .map((part) => part.replaceAll("\0", ",").trim())
    .filter((part) => part !== "")
    .map((part): [string, string] => {
      const at = part.indexOf("=");
      return at < 0 ? ["", part] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    });
  const named = new Map<string, string>();
  for (const [key, text] of entries) {
    // A flag after the first part: `server`, `readonly`.
    if (key === "" && named.size > 0) named.set(text, "on");
    else named.set(key, text);
  }
  return named;
}

/** Joins properties to a value of QEMU's option syntax. */
export function joinProperties(properties: Iterable<readonly [string, string]>): string {
  return [...properties]
    .map(([key, text]) => (key === "" ? text : `${key}=${text.replaceAll(",", ",,")}`))
    .join(",");
}
