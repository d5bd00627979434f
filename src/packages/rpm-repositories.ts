/** Finds the repositories of a guest's dnf, yum or zypper in its configuration. */
import { markedLines } from "../host/lines.js";

/** Repository of rpm packages. */
export interface RpmRepository {
  /** Name of the option whose value the address is: the repository itself, or a list of mirrors. */
  readonly kind: "baseurl" | "mirrorlist" | "metalink";
  /** Address without credentials and variables. */
  readonly address: string;
}

const MARKS = { file: "vmbuild-repo", variable: "vmbuild-variable" } as const;

/**
 * Shell code that prints the configuration of repositories, and the variables in it: those that
 * dnf, yum and zypper read from files, and `releasever` as dnf finds it. Its output is read by
 * {@link readRpmRepositories}.
 */
export const LIST_RPM_REPOSITORIES = [
  "for file in /etc/yum.repos.d/*.repo /etc/zypp/repos.d/*.repo; do",
  `[ ! -f "$file" ] || { sed 's/^/${MARKS.file} /' "$file"; echo; }`,
  "done",
  `printf '${MARKS.variable} basearch=%s\\n' "$(uname -m)"`,
  "rpm -q --provides --whatprovides 'system-release(releasever)' 2>/dev/null |",
  `sed -n 's/^system-release(releasever) = /${MARKS.variable} releasever=/p'`,
  "for file in /etc/yum/vars/* /etc/dnf/vars/* /etc/zypp/vars.d/*; do",
  `[ ! -f "$file" ] || printf '${MARKS.variable} %s=%s\\n' "\${file##*/}" "$(head -n 1 "$file")"`,
  "done",
].join("\n");

type Section = Map<string, string>;

/** Splits `.repo` files into sections. Lines that begin with a space belong to the option before. */
function sectionsOf(lines: readonly string[]): Section[] {
  const sections: Section[] = [];
  let option = "";
  for (const line of lines) {
    const section = sections.at(-1);
    const [, name, value = ""] = /^([A-Za-z0-9_.-]+)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (/^\[.*\]/.test(line)) {
      sections.push(new Map());
      option = "";
    } else if (name !== undefined && section) {
      option = name.toLowerCase();
      section.set(option, value.trim());
    } else if (/^\s+\S/.test(line) && section && option !== "") {
      section.set(option, `${section.get(option) ?? ""} ${line.trim()}`.trim());
    }
  }
  return sections;
}

/** Replaces `$name` and `${name}`; undefined when a variable is not known. */
function substitute(text: string, variables: ReadonlyMap<string, string>): string | undefined {
  let isKnown = true;
  const result = text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const value = variables.get(braced ?? bare ?? "");
    isKnown &&= value !== undefined;
    return value ?? "";
  });
  return isKnown ? result : undefined;
}

function withoutCredentials(address: string): string | undefined {
  if (!/^https?:/.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  [url.username, url.password] = ["", ""];
  return url.href;
}

function repositoryOf(
  section: Section,
  variables: ReadonlyMap<string, string>,
): RpmRepository | undefined {
  const isEnabled = /^(?:1|yes|true|on)?$/i.test(section.get("enabled") ?? "");
  // A subscription's certificate stays in the guest.
  if (!isEnabled || section.has("sslclientcert")) return undefined;
  for (const kind of ["baseurl", "metalink", "mirrorlist"] as const) {
    for (const text of (section.get(kind) ?? "").split(/[\s,]+/)) {
      const address = withoutCredentials(substitute(text, variables) ?? "");
      if (address !== undefined) return { kind, address };
    }
  }
  return undefined;
}

/**
 * Reads the output of {@link LIST_RPM_REPOSITORIES}: enabled repositories that are reached over
 * HTTP without a client's certificate, and whose addresses have no unknown variables.
 * @param os values of os-release; VERSION_ID is `$releasever` where no package states it.
 */
export function readRpmRepositories(
  lines: readonly string[],
  os: Readonly<Record<string, string>>,
): RpmRepository[] {
  const variables = new Map([["releasever", os["VERSION_ID"] ?? ""]]);
  for (const line of markedLines(lines, MARKS.variable)) {
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) variables.set(name, value.trim());
  }
  const arch = variables.get("basearch");
  if (arch !== undefined && !variables.has("arch")) variables.set("arch", arch);
  const found = sectionsOf(markedLines(lines, MARKS.file)).map((section) =>
    repositoryOf(section, variables),
  );
  return found.filter((one) => one !== undefined);
}
