/** Keeps a guest's saved state small: what it only caches need not be in there. */
import type { Guest } from "./guest.js";

/** A guest with much memory and slow storage writes for minutes before it can let go of its cache. */
const DEADLINE_MS = 300_000;

/**
 * Drops the page cache and fills what comes free with zeros, which a state does not hold. The
 * balloon's free-page reporting would take half a minute: it goes over a sixteenth of the free
 * pages every two seconds (mm/page_reporting.c). Pages that came free last are given out first,
 * so that memory which the guest never used is hardly touched; a guest that runs short of memory
 * meanwhile ends these programs before its own.
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

/** Empties the guest's page cache, and the memory that it was in. */
export async function dropPageCache(guest: Guest): Promise<void> {
  await guest.ask(DROP_SCRIPT, "Dropping the page cache", DEADLINE_MS);
}
