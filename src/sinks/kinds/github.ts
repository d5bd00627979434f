/** Defines the sink that reports a run to GitHub Actions: annotations, and the job's summary. */
import { appendFile } from "node:fs/promises";
import { z } from "zod";
import { messageOf } from "../../errors.js";
import { annotationLine, failureAnnotation } from "../github/annotations.js";
import type { Annotation } from "../github/annotations.js";
import { jobSummary } from "../github/job-summary.js";
import type { JobFacts } from "../github/job-summary.js";
import { commonSinkFields, defineSinkKind } from "../kind.js";
import type { OpenSink, SentEvent, SinkContext } from "../kind.js";

/** Warnings that become annotations; GitHub shows ten of each level for a step. */
const MAX_WARNINGS = 10;

const schema = z
  .strictObject({
    github: z
      .literal(true)
      .describe("report to GitHub Actions; without effect outside of its jobs"),
    annotations: z
      .boolean()
      .default(true)
      .describe("mark failures and warnings, at the failed step's place in the template"),
    summary: z.boolean().default(true).describe("append the result to the summary of the job"),
    ...commonSinkFields,
  })
  .describe("reports the run to GitHub Actions");

type Settings = z.infer<typeof schema>;

/** Sink in a job of GitHub Actions. */
class JobReport implements OpenSink {
  readonly #settings: Settings;
  readonly #context: SinkContext;
  readonly #facts: JobFacts = { steps: [], warnings: [] };
  readonly #counts = { delivered: 0, waiting: 0, lost: 0 };
  #writing: Promise<void> = Promise.resolve();

  constructor(settings: Settings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  take(event: SentEvent): void {
    this.#counts.delivered++;
    switch (event.type) {
      case "step.finished":
      case "step.failed":
      case "step.kept":
      case "step.skipped":
        this.#facts.steps.push(event);
        break;
      case "warning":
        if (this.#facts.warnings.push(event.message) > MAX_WARNINGS) break;
        this.#annotate({
          level: "warning",
          title: `vmbuild ${event.build}`,
          message: event.message,
        });
        break;
      case "run.failed": {
        const { placeOf, templatePath } = this.#context;
        this.#annotate(failureAnnotation(event, placeOf, templatePath));
        this.#summarize(event);
        break;
      }
      case "run.finished":
        this.#summarize(event);
        break;
      default:
        break;
    }
  }

  #annotate(annotation: Annotation): void {
    if (!this.#settings.annotations) return;
    // The runner reads both streams; stdout has the result only.
    const workspace = this.#context.environment["GITHUB_WORKSPACE"];
    process.stderr.write(`${annotationLine(annotation, workspace)}\n`);
  }

  #summarize(end: Parameters<typeof jobSummary>[0]): void {
    const path = this.#context.environment["GITHUB_STEP_SUMMARY"];
    if (!this.#settings.summary || !path) return;
    const text = jobSummary(end, this.#facts);
    this.#writing = appendFile(path, text).catch((error: unknown) => {
      this.#counts.lost++;
      this.#context.onProblem(messageOf(error));
    });
  }

  async finish() {
    await this.#writing;
    return this.#counts;
  }
}

const UNUSED: OpenSink = {
  take: () => {},
  finish: () => Promise.resolve({ delivered: 0, waiting: 0, lost: 0 }),
};

/** Sink that reports a run to GitHub Actions. */
export const github = defineSinkKind<Settings>({
  name: "github",
  form: "{github: true}",
  schema,
  defaultEvents: ["run.finished", "run.failed", "step.*", "warning"],
  keepsEvents: false,
  settingsOf: () => ({ github: true }),
  secrets: () => [],
  describe: () => "GitHub Actions",
  // eslint-disable-next-line require-await -- The interface is one of promises.
  async open(settings, context) {
    const isInJob = context.environment["GITHUB_ACTIONS"] === "true";
    return isInJob ? new JobReport(settings, context) : UNUSED;
  },
});
