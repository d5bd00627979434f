/** Searches the guest for remains of the build. */
import { shellQuote } from "../../host/programs.js";
import { tracesOf } from "../../seed/keys.js";
import type { BuildKeys } from "../../seed/keys.js";
import { forEachHome } from "./homes.js";

/**
 * Folders to which something of the build could have been copied. The rest of an image comes from
 * packages.
 */
const SEARCHED = ["/boot", "/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var"];

/** Prefix of each line that names a remain. */
const FOUND = "vmbuild-found ";

/**
 * Returns the shell script that prints each place that still holds a trace of the build, one per
 * line. It needs `$homes`.
 */
export function searchScript(keys: BuildKeys): string {
  const options = tracesOf(keys)
    .map((text) => `-e ${shellQuote(text)}`)
    .join(" ");
  const searched = SEARCHED.flatMap((folder) => [folder, `${folder}/*`]).join("|");
  return `
for program in find grep sed; do
  command -v "$program" >/dev/null 2>&1 || echo "${FOUND}the guest has no $program to search with"
done
more=
${forEachHome(`
  case $home in
    ${searched}|/|"") ;;
    *) more="$more $home" ;;
  esac`)}
{
  # One search over all of it, which is what costs. In the C locale, grep compares bytes.
  LC_ALL=C find ${SEARCHED.join(" ")} $more -xdev -type f -size -1024k -exec grep -lF ${options} {} + 2>/dev/null || true
  for instance in /var/lib/cloud/instances/*; do [ ! -e "$instance" ] || echo "$instance"; done
  [ ! -s /etc/machine-id ] || echo "/etc/machine-id is not empty"
} | sed 's/^/${FOUND}/'
`;
}

/** Returns the places that the script printed. Pure. */
export function foundPlaces(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith(FOUND) ? [line.slice(FOUND.length)] : []));
}
