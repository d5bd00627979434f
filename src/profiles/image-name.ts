/** Names the image of a build after the build. */

/**
 * Returns the name of the file for a template that sets one without the name of the build, as
 * Packer's templates do; undefined where the template's is right.
 */
export function renamedImage(filename: string | undefined, vmName: string): string | undefined {
  if (filename === undefined || filename.includes(vmName)) return undefined;
  const extension = /(\.[a-z][a-z0-9]*)+$/i.exec(filename)?.[0] ?? "";
  return `${vmName}${extension}`;
}
