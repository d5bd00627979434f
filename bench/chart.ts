/** The results as a picture: bars for each scenario, as shares of Packer's time. Pure. */
import type { ContenderResult, Results, ScenarioResult, Verdict } from "./results.js";
import { formatRatio, formatSeconds } from "./table.js";

const WIDTH = 860;
const LEFT = 228;
/** Beyond the longest bar there is room for its figures. */
const RIGHT = 150;
const TOP = 110;
const BAR = 16;
const BAR_GAP = 6;
const GROUP_GAP = 14;
const HEAD = 22;
const FOOT = 62;
const PLOT = WIDTH - LEFT - RIGHT;

/**
 * The card brings its own ground, so that it can be read on any page; a reader who prefers dark
 * gets a dark one. GitHub shows the file as a picture, in which media queries work.
 */
const STYLE = `
  .card { fill: #ffffff; stroke: #d0d7de; }
  text { font-family: -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; }
  .title { font-size: 17px; font-weight: 600; }
  .group { font-weight: 600; }
  .quiet { fill: #59636e; font-size: 12px; }
  .figure { font-variant-numeric: tabular-nums; }
  .strong { font-weight: 600; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  .grid { stroke: #d0d7de; }
  .ours { fill: #0969da; }
  .theirs { fill: #afb8c1; }
  .again { opacity: 0.55; }
  .target { stroke: #bc4c00; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d; }
    text { fill: #f0f6fc; stroke: #0d1117; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .ours { fill: #4493f8; }
    .theirs { fill: #656c76; }
    .target { stroke: #f0883e; }
  }`;

const AGAIN =
  "Packer and virt-customize keep nothing between builds: their cold builds stand, paler, for all four.";

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const text = (x: number, y: number, className: string, content: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${className}">${escape(content)}</text>`;

/** Where a ratio lies. Nothing is longer than the plot, which ends a little beyond the longest. */
type Scale = (ratio: number) => number;

function scaleOf(scenarios: readonly ScenarioResult[]): { scale: Scale; most: number } {
  const ratios = scenarios.flatMap(({ contenders }) => contenders.map(({ ratio }) => ratio));
  const most = Math.max(1, ...ratios);
  return { scale: (ratio) => LEFT + (Math.min(ratio, most) / most) * PLOT, most };
}

const isOurs = ({ id }: { id: string }): boolean => id.startsWith("vmbuild");

/** The target of a bar, as a mark across it: at most so much of the scenario's first bar. */
function targetOf(scenario: ScenarioResult, contender: ContenderResult): Verdict | undefined {
  const [first] = scenario.contenders;
  return scenario.verdicts.find(({ what }) => what === `${contender.title} to ${first?.title}`);
}

function drawBar(
  scenario: ScenarioResult,
  contender: ContenderResult,
  y: number,
  scale: Scale,
): string[] {
  const { title, medianMs, ratio, standsInFrom } = contender;
  const ours = isOurs(contender);
  const target = targetOf(scenario, contender);
  const end = Math.max(scale(ratio), LEFT + 2);
  const middle = y + BAR - 4;
  const share = ratio === 1 && !ours ? "" : ` · ${formatRatio(ratio)}`;
  const mark = target === undefined ? undefined : scale(target.atMost);
  // The figures stand behind whichever reaches further: the bar, or the mark near its end.
  const near = mark !== undefined && mark > end - 4 && mark - end < 110;
  const after = near ? mark + 8 : end + 8;
  return [
    text(LEFT - 12, middle, `end${ours ? " strong" : ""}`, title),
    `<rect x="${LEFT}" y="${y}" width="${(end - LEFT).toFixed(1)}" height="${BAR}" rx="2" class="${ours ? "ours" : "theirs"}${standsInFrom === undefined ? "" : " again"}"/>`,
    ...(mark === undefined
      ? []
      : [
          `<line x1="${mark.toFixed(1)}" y1="${y - 3}" x2="${mark.toFixed(1)}" y2="${y + BAR + 3}" class="target"/>`,
        ]),
    text(after, middle, `figure${ours ? " strong" : ""}`, formatSeconds(medianMs) + share),
  ];
}

function drawGroup(scenario: ScenarioResult, y: number, scale: Scale): string[] {
  const bars = scenario.contenders.flatMap((contender, index) =>
    drawBar(scenario, contender, y + HEAD + index * (BAR + BAR_GAP), scale),
  );
  return [text(24, y + 13, "group", scenario.title), ...bars];
}

const heightOf = ({ contenders }: ScenarioResult): number =>
  HEAD + contenders.length * (BAR + BAR_GAP) + GROUP_GAP;

function drawGrid(scale: Scale, most: number, bottom: number): string[] {
  const shares = [0, 0.25, 0.5, 0.75, 1].filter((share) => share <= most);
  return shares.flatMap((share) => {
    const x = scale(share);
    return [
      `<line x1="${x.toFixed(1)}" y1="${TOP - 6}" x2="${x.toFixed(1)}" y2="${bottom}" class="grid"/>`,
      text(x, TOP - 12, "quiet middle", share === 0 ? "0" : `${share * 100} %`),
    ];
  });
}

function footOf({ host, rounds, date }: Results): string[] {
  const { versions, accelerator, machine } = host;
  const memory = machine.memoryBytes / 2 ** 30;
  const guest = `${machine.cpus} vCPU, ${memory} GiB, ${accelerator === "tcg" ? "emulated (tcg)" : accelerator}`;
  return [
    `${rounds === 1 ? "One round" : `Medians of ${rounds} rounds`}, ${date.slice(0, 10)}. ${host.cpu}, ${host.cores} cores; guest: ${guest}.`,
    `vmbuild ${versions["vmbuild"]}, Packer ${versions["packer"]}, virt-customize ${versions["virt-customize"]}, QEMU ${versions["qemu"]}.`,
  ];
}

/** The picture as SVG, whole in itself. */
export function drawChart(results: Results): string {
  const { scenarios } = results;
  const { scale, most } = scaleOf(scenarios);
  let y = TOP;
  const groups = scenarios.flatMap((scenario) => {
    const group = drawGroup(scenario, y, scale);
    y += heightOf(scenario);
    return group;
  });
  const bottom = y - GROUP_GAP + 8;
  const height = bottom + FOOT;
  const [first = "", second = ""] = footOf(results);
  const summary = scenarios
    .map(({ title, verdicts: [verdict] }) =>
      verdict ? `${title}: ${formatRatio(verdict.value)}` : title,
    )
    .join("; ");
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">vmbuild beside Packer and virt-customize</title>`,
    `<desc id="desc">Time as a share of the first bar of each group. ${escape(summary)}.</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" class="card"/>`,
    text(24, 34, "title", "vmbuild beside Packer and virt-customize"),
    text(
      24,
      55,
      "quiet",
      "Time as a share of each group's first bar: the same image, base and machine. Shorter is better.",
    ),
    text(24, 72, "quiet", AGAIN),
    `<line x1="${WIDTH - 132}" y1="22" x2="${WIDTH - 132}" y2="38" class="target"/>`,
    text(WIDTH - 124, 34, "quiet", "vmbuild's target"),
    ...drawGrid(scale, most, bottom),
    ...groups,
    text(24, bottom + 28, "quiet", first),
    text(24, bottom + 46, "quiet", second),
    "</svg>",
  ].join("\n")}\n`;
}
