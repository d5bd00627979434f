/** Converts the sizes of disks. */

/**
 * Returns a size of Packer, in megabytes unless it has a unit, as a template has it.
 * @param kept the size with references to variables.
 */
export function diskText(value: string, kept: string = value): string {
  if (/^\d+$/.test(value)) return `${kept}M`;
  if (/b$/i.test(value)) return value.replace(/b$/i, "");
  return kept.toUpperCase() === value.toUpperCase() ? value.toUpperCase() : kept;
}
