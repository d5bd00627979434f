/** Paths in functions: relative to the template's folder, `~` for the home folder. */
import { homedir } from "node:os";
import { isAbsolute, join, normalize } from "node:path";
import type { FunctionHost } from "./function.js";

/** Replaces `~` at the start of a path by the home folder. */
export function expandHome(path: string, { environment }: FunctionHost): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  return (environment["HOME"] ?? homedir()) + path.slice(1);
}

/** Returns the absolute path that `file`, `templatefile` and others read. */
export function templatePath(host: FunctionHost, path: string): string {
  const expanded = expandHome(path, host);
  return normalize(isAbsolute(expanded) ? expanded : join(host.folder, expanded));
}

/** Last element of a path, as Go's filepath.Base. */
export function baseName(path: string): string {
  if (path === "") return ".";
  const trimmed = path.replace(/\/+$/, "");
  if (trimmed === "") return "/";
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** Path without its last element, as Go's filepath.Dir. */
export function dirName(path: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return cleanPath(folder);
}

/** Shortest equal path, as Go's filepath.Clean. */
export function cleanPath(path: string): string {
  if (path === "") return ".";
  const clean = normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}
