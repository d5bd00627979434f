/** Searches the guest for remains of the build. */
import { randomUUID } from "node:crypto";
import { shellQuote } from "../../host/programs.js";
import { tracesOf } from "../../seed/keys.js";
import type { BuildKeys } from "../../seed/keys.js";
import { forEachHome } from "./homes.js";

/**
 * Folders to which something of the build could have been copied. The rest of an image comes from
 * packages.
 */
const SEARCHED = ["/boot", "/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var"];

/**
 * Folder of scripts and lists that come with packages: half of the small files of a Debian system.
 */
const NOT_SEARCHED = "/var/lib/dpkg/info";

/** Homes of system accounts in which packages install programs. */
const PROGRAM_FOLDERS = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/games", "/dev"];

/** Prefix of each line that names a remain. */
const FOUND = "vmbuild-found ";

/**
 * Returns the shell script that prints each place that still holds a trace of the build, one per
 * line. It needs `$homes`. A file with a text that only it contains shows that the guest's find and
 * grep search: without an option that they do not have, they would find nothing.
 */
export function searchScript(keys: BuildKeys): string {
  const probe = `vmbuild-search-${randomUUID()}`;
  const options = [...tracesOf(keys), probe].map((text) => `-e ${shellQuote(text)}`).join(" ");
  const searched = SEARCHED.flatMap((folder) => [folder, `${folder}/*`]).join("|");
  return `
for program in find grep; do
  command -v "$program" >/dev/null 2>&1 || echo "${FOUND}the guest has no $program to search with"
done
more=
${forEachHome(`
  case $home in
    ${searched}|/|"") ;;
    ${PROGRAM_FOLDERS.join("|")}) [ ! -d "$home/.ssh" ] || more="$more $home/.ssh" ;;
    *) [ ! -d "$home" ] || more="$more $home" ;;
  esac`)}
probe=/etc/.vmbuild-search-$$
{ echo ${probe} >"$probe"; } 2>/dev/null || probe=
found=$(
  # One search over all of it, which is what costs. In the C locale, grep compares bytes.
  LC_ALL=C find ${SEARCHED.join(" ")} $more -xdev -path ${NOT_SEARCHED} -prune -o -type f -size -1024k -exec grep -lF ${options} {} + 2>/dev/null || true
)
if [ -n "$probe" ]; then
  rm -f "$probe"
  case "
$found
" in *"
$probe
"*) ;; *) echo "${FOUND}the guest's find and grep do not find what is there" ;; esac
fi
while IFS= read -r place; do
  case $place in "$probe"|"") ;; *) printf '${FOUND}%s\\n' "$place" ;; esac
done <<PLACES
$found
PLACES
for instance in /var/lib/cloud/instances/*; do [ ! -e "$instance" ] || echo "${FOUND}$instance"; done
[ ! -s /etc/machine-id ] || echo "${FOUND}/etc/machine-id is not empty"
`;
}

/** Returns the places that the script printed. Pure. */
export function foundPlaces(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith(FOUND) ? [line.slice(FOUND.length)] : []));
}
