/** Shell code around a script in the guest: it receives the script, runs it, and ends its session. */
import { shellQuote } from "../host/programs.js";
import type { OutputMarker } from "./output-marker.js";
import { reportProblem } from "./script-problem.js";
import { asUser } from "./switch-user.js";
import { PARENTS, programOf } from "./wrapped-script.js";
import type { WrappedScript } from "./wrapped-script.js";

/**
 * Shell script that reads the environment's lines and then the script from standard input, and runs
 * the script with empty standard input. It starts few programs, because an emulated guest takes a
 * twentieth of a second for each. What prevents the script from being run is reported as a line of
 * {@link reportProblem}, since the script may end with any exit code.
 */
export function wrapperScript(marker: OutputMarker, script: WrappedScript): string {
  const { id } = marker;
  const { user } = script;
  // The script's path is in $1, because any variable name, such as $f, may occur in the
  // environment.
  const launch = launchCommand(marker, script);
  return [
    `umask 077; set -C; ${marker.command}`,
    `for p in ${PARENTS.join(" ")}; do f=$p/${id}; { true >"$f"; } 2>/dev/null && break; f=; done`,
    `[ -n "$f" ] || ${reportProblem(marker, "place")}`,
    `e=; while IFS= read -r l && [ "$l" != ${id} ]; do e="$e$l\n"; done`,
    `cat >>"$f" || { rm -f "$f"; ${reportProblem(marker, "place")}; }`,
    `umask 022; set +C -- "$f"`,
    user === undefined
      ? `(eval "$e" && { ${launch}; }) </dev/null`
      : `(${asUser(marker, user, launch)}) </dev/null`,
    `c=$?; rm -f "$f"; exit $c`,
  ].join("\n");
}

/** Returns shell code that runs the script at the path `$1` in its working directory. */
function launchCommand(
  marker: OutputMarker,
  { interpreter, arguments: args = [], cwd, user }: WrappedScript,
): string {
  const command = [...interpreter.map(shellQuote), '"$1"', ...args.map(shellQuote)];
  return [
    ...enterFolder(marker, cwd, user),
    `${requireProgram(marker, interpreter)} && exec ${command.join(" ")}`,
  ].join("; ");
}

function enterFolder(marker: OutputMarker, cwd: string | undefined, user: string | undefined) {
  if (cwd !== undefined) {
    return [`cd ${shellQuote(cwd)} 2>/dev/null || ${reportProblem(marker, "cwd")}`];
  }
  // A login begins in the home directory; another user begins in that of root, or in none.
  return user === undefined ? [] : ['cd "$HOME" 2>/dev/null || cd /'];
}

/** Returns shell code that reports a missing interpreter. */
function requireProgram(marker: OutputMarker, interpreter: readonly string[]): string {
  const program = programOf(interpreter);
  if (program === undefined) return "true";
  const found = `command -v ${shellQuote(program)} >/dev/null 2>&1`;
  return `{ ${found} || ${reportProblem(marker, "interpreter")}; }`;
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
