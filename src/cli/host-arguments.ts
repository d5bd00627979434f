/** Translates the command line of a run for another host: paths, and options that are not for it. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { parseBaseOption } from "./base-option.js";
import type { GivenOption } from "./elsewhere.js";
import { optionWords } from "./elsewhere.js";

/** Options that only this side uses. */
const HERE: ReadonlySet<string> = new Set([
  ...["on", "include", "install", "fetch", "output", "detach", "json", "logFormat", "color"],
]);

const GIT = "the git repository of the template is on this host";

/** Options that have no effect there, and the reasons. */
const REFUSED: Readonly<Record<string, string>> = {
  leaseFile: "the file is on this host; use --ttl",
  leaseConnection: "holders connect to the host of the run; use --ttl",
  grace: "it belongs to --lease-file and --lease-connection",
  explain: "what would run depends on the checkpoints there",
  all: "a run on another host is one build",
  release: GIT,
  createPatches: GIT,
  requireClean: GIT,
  commitManifest: GIT,
};

/** Word of the command line there. `path` is a file of the bundle, which ends the word. */
export interface HostArgument {
  readonly text: string;
  /** Absolute path on this host. */
  readonly path?: string;
}

/** Command line of a run on another host. */
export interface HostArguments {
  readonly words: readonly HostArgument[];
  /** Paths of this host that options name and that the run reads. Absolute. */
  readonly paths: readonly string[];
}

/** Returns an option whose value, or the end of it, is a path; undefined for other options. */
function pathOption({ key, flag, value = "" }: GivenOption): HostArgument | undefined {
  if (key === "varFile" || key === "appliances") return { text: `${flag}=`, path: resolve(value) };
  if (key === "base") {
    const option = parseBaseOption(value);
    return option.kind === "path" ? { text: `${flag}=`, path: option.path } : undefined;
  }
  const at = value.indexOf("=");
  if (key !== "input" || at === -1) return undefined;
  return { text: `${flag}=${value.slice(0, at + 1)}`, path: resolve(value.slice(at + 1)) };
}

/**
 * Returns the options that replace inputs by local paths in the environment, which is not that of
 * the other host. `--input` takes precedence.
 * @param inputs definitions of the template's inputs.
 */
export function inputsOfEnvironment(
  inputs: Readonly<Record<string, { readonly env?: string | undefined }>>,
  options: readonly GivenOption[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): GivenOption[] {
  const given = options.flatMap(({ key, value }) =>
    key === "input" && value !== undefined ? [value.split("=")[0]] : [],
  );
  return Object.entries(inputs).flatMap(([name, { env }]): GivenOption[] => {
    const path = env === undefined ? undefined : environment[env];
    if (path === undefined || path === "" || given.includes(name)) return [];
    return [{ key: "input", flag: "--input", value: `${name}=${path}` }];
  });
}

/** Beginning of the variables of the environment that set variables of templates. */
const VARIABLES = "VMBUILD_VAR_";

/** Returns the variables of the environment that set variables of templates. */
export function variablesOfEnvironment(environment = process.env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]): [string, string][] =>
      name.startsWith(VARIABLES) && value !== undefined ? [[name, value]] : [],
    ),
  );
}

/** Returns the words of a command line there for options, whose paths are those of this host. */
export function translateOptions(options: readonly GivenOption[]): HostArgument[] {
  return options.map((option) => pathOption(option) ?? { text: optionWords([option]).join("") });
}

/**
 * Translates options for another host.
 * @throws {VmbuildError} USAGE for options that have no effect there.
 */
export function hostArguments(options: readonly GivenOption[]): HostArguments {
  const refused = options.find(({ key }) => Object.hasOwn(REFUSED, key));
  if (refused) {
    const reason = REFUSED[refused.key] ?? "";
    throw new VmbuildError("USAGE", `${refused.flag} cannot be used with --on: ${reason}`);
  }
  const words: HostArgument[] = [];
  const paths = options.flatMap(({ key, value = "" }) =>
    key === "include" ? [resolve(value)] : [],
  );
  for (const option of options.filter(({ key }) => !HERE.has(key))) {
    const translated = pathOption(option);
    words.push(translated ?? { text: optionWords([option]).join("") });
    // Of the folder of appliances, only the templates that are used are sent.
    if (translated?.path !== undefined && option.key !== "appliances") paths.push(translated.path);
  }
  return { words, paths };
}
