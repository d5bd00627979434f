/** Frees the guest's page cache so that snapshots stay small. */
import type { Guest } from "./guest.js";

/**
 * Time limit. A guest with much memory and slow storage may write for minutes before its cache can
 * be dropped. Milliseconds.
 */
const DEADLINE_MS = 300_000;

/**
 * Drops the page cache and fills the freed memory with zeros, which a snapshot does not store. The
 * balloon's free-page reporting would take half a minute: it covers a sixteenth of the free pages
 * every two seconds (mm/page_reporting.c). Recently freed pages are allocated first, so memory that
 * the guest never used is hardly touched. If the guest runs short of memory meanwhile, it kills
 * these programs before its own.
 */
const DROP_SCRIPT = `
sync
echo 3 >/proc/sys/vm/drop_caches &
free=0 cached=0 shared=0
while read -r name kilobytes _; do
  case $name in
    MemFree:) free=$kilobytes ;;
    Cached:) cached=$kilobytes ;;
    Shmem:) shared=$kilobytes ;;
  esac
done </proc/meminfo
wanted=$((cached - shared))
most=$(((free + wanted) / 10 * 9))
[ "$wanted" -lt "$most" ] || wanted=$most
cpus=$(nproc 2>/dev/null || echo 1)
each=$((wanted / cpus * 1024))
echo 1000 >/proc/self/oom_score_adj
n=0
while [ "$each" -gt 0 ] && [ "$n" -lt "$cpus" ]; do
  dd if=/dev/zero of=/dev/null bs="$each" count=1 iflag=fullblock 2>/dev/null &
  n=$((n + 1))
done
wait
`;

/** Empties the guest's page cache and zeroes the freed memory. */
export async function dropPageCache(guest: Guest): Promise<void> {
  await guest.ask(DROP_SCRIPT, "Dropping the page cache", DEADLINE_MS);
}
