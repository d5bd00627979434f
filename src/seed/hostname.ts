/**
 * Defines the host names of guests: the placeholder of a shared booted guest, and the build's own.
 */

/** Host name of a booted guest that builds share, until a build sets its own. */
export const PLACEHOLDER_HOSTNAME = "vmbuild-guest";

/** Converts a template's name to a host name: letters, digits and dashes (RFC 1123). */
export function hostnameOf(name: string): string {
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .slice(0, 63)
      .replaceAll(/^-|-$/g, "") || "vmbuild"
  );
}
