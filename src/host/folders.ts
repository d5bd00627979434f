/**
 * Where the folders of one user lie, and the variables that move them (XDG Base Directory
 * Specification). Imports nothing of vmbuild's own, so that errors can use it.
 */
import { tmpdir, userInfo } from "node:os";
import { isAbsolute, join, sep } from "node:path";

const OWN = "vmbuild";

/** The variable's value, where it is an absolute path: the specification has others ignored. */
function absoluteValue(name: string): string | undefined {
  const value = process.env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** The home folder that the password database has for this user; undefined where it has none. */
function passwdHome(): string | undefined {
  try {
    const home = userInfo().homedir;
    return isAbsolute(home) ? home : undefined;
  } catch {
    // Containers run as users without an entry.
    return undefined;
  }
}

/** HOME, else what the password database says, else `/`, which is what containers set. */
export function homeFolder(): string {
  return absoluteValue("HOME") ?? passwdHome() ?? "/";
}

/** `$XDG_CACHE_HOME/vmbuild`, by default in `~/.cache`. Read anew on each call. */
export function cacheRoot(): string {
  return join(absoluteValue("XDG_CACHE_HOME") ?? join(homeFolder(), ".cache"), OWN);
}

/** `$XDG_STATE_HOME/vmbuild`, by default in `~/.local/state`. Read anew on each call. */
export function stateRoot(): string {
  return join(absoluteValue("XDG_STATE_HOME") ?? join(homeFolder(), ".local", "state"), OWN);
}

/** Whether the default of a variable is of no use, since this user has no home folder. */
export function hasNoHome(variable: string): boolean {
  const hasDefault = variable === "XDG_STATE_HOME" || variable === "XDG_CACHE_HOME";
  return hasDefault && absoluteValue(variable) === undefined && homeFolder() === "/";
}

/** The folder of temporary files: TMPDIR where it is absolute, else `/tmp`. */
export function temporaryRoot(): string {
  return isAbsolute(tmpdir()) ? tmpdir() : "/tmp";
}

/** The folders in which sockets may lie, the one to be preferred first. */
export function socketFolders(): string[] {
  const own = absoluteValue("XDG_RUNTIME_DIR");
  const name = `${OWN}-${process.getuid?.() ?? 0}`;
  const shared = [temporaryRoot(), "/tmp", "/var/tmp", "/dev/shm"];
  return [
    ...(own === undefined ? [] : [join(own, OWN)]),
    ...[...new Set(shared)].map((folder) => join(folder, name)),
  ];
}

/** Whether `path` is `folder`, in it, or one of the folders above it. */
function isRelated(path: string, folder: string): boolean {
  const above = path.endsWith(sep) ? path : path + sep;
  return path === folder || path.startsWith(folder + sep) || folder.startsWith(above);
}

/** The variables that move what lies at `path`; none for a path that is not vmbuild's own. */
export function variablesFor(path: string): string[] {
  const runtime = absoluteValue("XDG_RUNTIME_DIR");
  const folders: [string, string | undefined][] = [
    ["XDG_STATE_HOME", stateRoot()],
    ["XDG_CACHE_HOME", cacheRoot()],
    ["XDG_RUNTIME_DIR", runtime && join(runtime, OWN)],
  ];
  const found = folders.filter(([, folder]) => folder !== undefined && isRelated(path, folder));
  if (found.length > 0) return found.map(([name]) => name);
  const temporary = temporaryRoot();
  return path === temporary || path.startsWith(join(temporary, OWN)) ? ["TMPDIR"] : [];
}
