/**
 * Formats the lines of `-machine-readable`: `timestamp,target,type,data…`, as Packer documents them
 * (https://developer.hashicorp.com/packer/docs/commands#machine-readable-output).
 */

/** One line. */
export interface MachineLine {
  /** Name of the build that the line is about; empty for all of them. */
  readonly target: string;
  readonly type: string;
  readonly data: readonly string[];
}

/** Escapes a field: a comma ends a field, and a line break the line. */
function escapeField(text: string): string {
  return text
    .replaceAll(",", "%!(PACKER_COMMA)")
    .replaceAll("\r", String.raw`\r`)
    .replaceAll("\n", String.raw`\n`);
}

/** Formats a line, without a line break. The time has whole seconds, in UTC. */
export function formatMachineLine({ target, type, data }: MachineLine, now: Date): string {
  const seconds = Math.floor(now.getTime() / 1000);
  return `${seconds},${target},${type},${data.map(escapeField).join(",")}`;
}
