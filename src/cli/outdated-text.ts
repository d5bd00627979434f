/** Formats the result of `vmbuild outdated`. */
import type { Style } from "../events/sinks/style.js";
import { cleanText } from "../events/sinks/text.js";
import type { Check } from "../outdated/check.js";
import type { ImageState, OutdatedReport } from "../outdated/outdated.js";
import { alignRows, indent } from "./table.js";

/** Number of packages that are listed; `--json` has all. */
const SHOWN_UPGRADES = 20;
/** Digits of a digest or a commit that are shown. */
const SHOWN_DIGITS = 12;

/** Shortens digests and commits. */
function shortVersion(version: string): string {
  return version.replaceAll(/\b[0-9a-f]{32,}\b/g, (hex) => hex.slice(0, SHOWN_DIGITS));
}

const dayOf = (time: string): string => time.slice(0, 10);

/** Explains a check in one line. */
function explain({ reason, from, to, since, upgrades, state }: Check): string {
  const versions = from !== undefined && to !== undefined ? `${from} -> ${to}` : "";
  const when = since === undefined ? "" : upgrades || state === "current" ? "as of" : "since";
  return [
    cleanText(reason),
    when === "" ? "" : ` ${when} ${dayOf(since ?? "")}`,
    versions === "" ? "" : `: ${cleanText(shortVersion(versions))}`,
  ].join("");
}

function paint(state: ImageState | Check["state"], style: Style): string {
  if (state === "current") return style.green(state);
  return state === "failed" ? style.red(state) : style.yellow(state);
}

function upgradeLines({ upgrades = [] }: Check): string[] {
  const rows = upgrades
    .slice(0, SHOWN_UPGRADES)
    .map(({ name, arch, from, to }) => [name, from, "->", to, arch]);
  const rest = upgrades.length - rows.length;
  return [...alignRows(rows), ...(rest > 0 ? [`and ${rest} more, which --json lists`] : [])];
}

/**
 * Returns the command that builds a newer image; undefined where nothing changed. Steps whose
 * checkpoints are valid would install the old packages again.
 */
export function rebuildCommand({ node, state, checks }: OutdatedReport): string | undefined {
  if (state !== "outdated") return undefined;
  const isNewBase = checks.some(({ what, state: found }) => what === "base" && found === "changed");
  const hasUpgrades = checks.some(({ upgrades }) => upgrades);
  return `vmbuild run ${node.name}${hasUpgrades && !isNewBase ? " --force" : ""}`;
}

/** Returns the lines of an image. */
function imageLines(report: OutdatedReport, style: Style): string[] {
  const { node, state, created, checks } = report;
  const built = created === undefined ? "" : style.dim(`  built ${dayOf(created)}`);
  const rows = checks.map((check) => [check.what, paint(check.state, style), explain(check)]);
  const lines = alignRows(rows).flatMap((line, index) => {
    const check = checks[index];
    return [line, ...(check ? indent(upgradeLines(check)) : [])];
  });
  const command = rebuildCommand(report);
  return [
    `${style.bold(node.name)}  ${paint(state, style)}${built}`,
    ...indent(lines),
    ...indent(command === undefined ? [] : [`Build it again: ${command}`]),
  ];
}

/** Returns the result as text. */
export function renderOutdated(reports: readonly OutdatedReport[], style: Style): string {
  return reports.flatMap((report) => imageLines(report, style)).join("\n");
}
