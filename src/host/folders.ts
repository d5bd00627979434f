/**
 * Resolves the folders of the current user and the variables that move them (XDG Base Directory
 * Specification). Imports no other file of vmbuild, so that errors can use it.
 */
import { tmpdir, userInfo } from "node:os";
import { isAbsolute, join, sep } from "node:path";

const OWN = "vmbuild";

/**
 * Returns the variable's value if it is an absolute path; the specification ignores relative ones.
 */
function absoluteValue(name: string): string | undefined {
  const value = process.env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** Returns the home folder from the password database; undefined where there is none. */
function passwdHome(): string | undefined {
  try {
    const home = userInfo().homedir;
    return isAbsolute(home) ? home : undefined;
  } catch {
    // Containers run as users that have no entry.
    return undefined;
  }
}

/** Returns HOME, else the home folder of the password database, else `/`, which containers use. */
export function homeFolder(): string {
  return absoluteValue("HOME") ?? passwdHome() ?? "/";
}

/**
 * Returns `$XDG_CACHE_HOME/vmbuild`, by default in `~/.cache`. The environment is read at each
 * call.
 */
export function cacheRoot(): string {
  return join(absoluteValue("XDG_CACHE_HOME") ?? join(homeFolder(), ".cache"), OWN);
}

/**
 * Returns `$XDG_STATE_HOME/vmbuild`, by default in `~/.local/state`. The environment is read at
 * each call.
 */
export function stateRoot(): string {
  return join(absoluteValue("XDG_STATE_HOME") ?? join(homeFolder(), ".local", "state"), OWN);
}

/** Returns whether the variable's default cannot be used because this user has no home folder. */
export function hasNoHome(variable: string): boolean {
  const hasDefault = variable === "XDG_STATE_HOME" || variable === "XDG_CACHE_HOME";
  return hasDefault && absoluteValue(variable) === undefined && homeFolder() === "/";
}

/** Returns the folder of temporary files: TMPDIR where it is absolute, else `/tmp`. */
export function temporaryRoot(): string {
  return isAbsolute(tmpdir()) ? tmpdir() : "/tmp";
}

/** Returns the folders that may hold sockets, the preferred one first. */
export function socketFolders(): string[] {
  const own = absoluteValue("XDG_RUNTIME_DIR");
  const name = `${OWN}-${process.getuid?.() ?? 0}`;
  const shared = [temporaryRoot(), "/tmp", "/var/tmp", "/dev/shm"];
  return [
    ...(own === undefined ? [] : [join(own, OWN)]),
    ...[...new Set(shared)].map((folder) => join(folder, name)),
  ];
}

/** Returns whether `path` is `folder`, inside it, or one of its parents. */
function isRelated(path: string, folder: string): boolean {
  const above = path.endsWith(sep) ? path : path + sep;
  return path === folder || path.startsWith(folder + sep) || folder.startsWith(above);
}

/**
 * Returns the variables that move the location of `path`; none for a path outside vmbuild's
 * folders.
 */
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
