/** Host names of a guest: the one of a shared booted guest, and the build's own. */

/** The host name of a booted guest that builds share, until a build gives it its own. */
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
