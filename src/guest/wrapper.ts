/** Shell code around a script in the guest: it receives the script, runs it, and ends its session. */
import { shellQuote } from "../host/programs.js";
import type { OutputMarker } from "./output-marker.js";

/** Script and how it is run. */
export interface WrappedScript {
  readonly content: Buffer | string;
  /** Program that reads the script, with arguments: `["/bin/bash"]`. */
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Folders for a script while it runs: in memory where possible, and never in the image. */
export const PARENTS = ["/run", "/tmp"] as const;

/**
 * Shell script that reads the environment's lines and then the script from standard input, and runs
 * the script with empty standard input. It starts few programs, because an emulated guest takes a
 * twentieth of a second for each. Exit code 97 means that there is no place for the script.
 */
export function wrapperScript(
  marker: OutputMarker,
  { interpreter, arguments: args = [] }: WrappedScript,
): string {
  const { id } = marker;
  // The script's path is in $1, because any variable name, such as $f, may occur in the
  // environment.
  const command = [...interpreter.map(shellQuote), '"$1"', ...args.map(shellQuote)];
  return [
    `umask 077; set -C; ${marker.command}`,
    `for p in ${PARENTS.join(" ")}; do f=$p/${id}; { true >"$f"; } 2>/dev/null && break; f=; done`,
    `[ -n "$f" ] || { echo "vmbuild: no place for scripts in ${PARENTS.join(" or ")}" >&2; exit 97; }`,
    `e=; while IFS= read -r l && [ "$l" != ${id} ]; do e="$e$l\n"; done`,
    `cat >>"$f" || { rm -f "$f"; exit 97; }`,
    `umask 022; set +C -- "$f"`,
    `(eval "$e" && ${requireProgram(marker, interpreter)} && exec ${command.join(" ")}) </dev/null`,
    `c=$?; rm -f "$f"; exit $c`,
  ].join("\n");
}

/**
 * Returns the program that an interpreter's words name: the first, or the one that env(1) runs;
 * undefined where env(1) has options or variables.
 */
function programOf([program = "", next]: readonly string[]): string | undefined {
  if (!program.endsWith("/env")) return program;
  return next !== undefined && /^[^-=][^=]*$/.test(next) ? next : undefined;
}

/** Returns the line that the wrapper prints to standard error where there is no interpreter. */
export const missingLine = ({ id }: OutputMarker): string => `${id}-missing`;

/** Returns shell code that reports a missing interpreter. */
function requireProgram(marker: OutputMarker, interpreter: readonly string[]): string {
  const program = programOf(interpreter);
  if (program === undefined) return "true";
  const found = `command -v ${shellQuote(program)} >/dev/null 2>&1`;
  return `{ ${found} || { echo ${missingLine(marker)} >&2; exit 127; }; }`;
}

/** Yields the environment as shell lines, the end marker of the wrapper, and the script. */
export function* wrapperInput(id: string, { environment = {}, content }: WrappedScript) {
  for (const [name, value] of Object.entries(environment)) {
    yield Buffer.from(`export ${name}=${shellQuote(value)}\n`);
  }
  yield Buffer.from(`${id}\n`);
  yield Buffer.from(content);
}

/**
 * Shell script that ends every process of the session of `$p`: SIGTERM, two seconds, SIGKILL.
 * dropbear runs all commands of a connection in its own session: this script is then part of it,
 * and the session's leader is the server.
 */
export function killScript(): string {
  const each = `for f in /proc/[0-9]*/stat; do
    { read -r l <"$f"; } 2>/dev/null || continue
    set -- \${l##*) }
    [ "$4" = "$s" ] || continue
    [ "$2" = $$ ] || case \${l%% *} in $$ | $PPID | "$server") ;; *) echo "\${l%% *}" ;; esac
  done`;
  return [
    `read -r l <"/proc/$p/stat" || exit 0; set -- \${l##*) }; s=$4`,
    `read -r l </proc/$$/stat; set -- \${l##*) }; [ "$4" = "$s" ] && server=$s || server=`,
    `of_session() { ${each}; }`,
    `kill -TERM $(of_session) 2>/dev/null`,
    `n=0; while [ $n -lt 20 ] && [ -n "$(of_session)" ]; do { sleep 0.1 || sleep 1; } 2>/dev/null; n=$((n+1)); done`,
    `p=$(of_session); [ -z "$p" ] || kill -KILL $p`,
  ].join("\n");
}
