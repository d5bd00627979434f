/**
 * Converts the events of a run to spans: the run, its phases and steps, and the actions, checks and
 * checkpoints of a step.
 */
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Attributes, Context, Span, Tracer } from "@opentelemetry/api";
import type { SentEvent } from "../kind.js";

/** Event of a type. */
type Of<T extends SentEvent["type"]> = Extract<SentEvent, { type: T }>;

/** Span that is made from one event, whose duration it knows. */
interface Whole {
  readonly name: string;
  readonly attributes: Attributes;
  /** Milliseconds. */
  readonly durationMs: number;
  readonly failure?: string | undefined;
}

const actionKey = (step: string, index: number): string => `action ${step} ${index}`;

/** Trace of a run. */
export class RunTrace {
  readonly #tracer: Tracer;
  readonly #caller: Context;
  readonly #open = new Map<string, Span>();
  #root: Span | undefined;
  #lastTime = new Date();

  /** @param caller context of the span that called vmbuild. */
  constructor(tracer: Tracer, caller: Context) {
    this.#tracer = tracer;
    this.#caller = caller;
  }

  /** Takes an event of the run. */
  handle(event: SentEvent): void {
    this.#lastTime = new Date(event.time);
    this.#root ??= this.#startRoot(event);
    switch (event.type) {
      case "run.started":
        this.#root.setAttribute("vmbuild.image.version", event.version);
        break;
      case "run.finished":
        this.end();
        break;
      case "run.failed":
        this.#fail(event);
        break;
      case "phase.started":
        this.#start(event.phase, event.phase, { "vmbuild.phase": event.phase });
        break;
      case "phase.finished":
        this.#finish(event.phase, detailOf(event));
        break;
      default:
        this.#handleStep(event);
    }
  }

  /** Ends the spans that are open, at the time of the last event. */
  end(): void {
    for (const key of [...this.#open.keys()].toReversed()) this.#finish(key);
    this.#root?.end(this.#lastTime);
  }

  #handleStep(event: SentEvent): void {
    switch (event.type) {
      case "step.started":
        this.#start(stepKey(event), stepKey(event), stepAttributes(event));
        break;
      case "step.finished":
        this.#finish(stepKey(event), detailOf(event));
        break;
      case "step.failed":
        this.#failStep(event);
        break;
      case "step.kept":
        this.#whole(undefined, { ...wholeStep(event, "kept"), durationMs: 0 });
        break;
      case "step.skipped":
        this.#skip(event);
        break;
      case "action.started": {
        const attributes = { "vmbuild.action.summary": event.summary };
        const key = actionKey(event.step, event.index);
        this.#start(key, `action ${event.action}`, attributes, this.#open.get(stepKey(event)));
        break;
      }
      case "action.finished":
        this.#finish(actionKey(event.step, event.index), detailOf(event));
        break;
      default:
        this.#handleWhole(event);
    }
  }

  #handleWhole(event: SentEvent): void {
    switch (event.type) {
      case "verify.finished":
        this.#whole(this.#open.get(stepKey(event)), {
          name: "verify",
          attributes: { "vmbuild.verify.command": event.command },
          durationMs: event.durationMs,
          failure: event.ok ? undefined : "the command failed",
        });
        break;
      case "check.finished":
        this.#whole(undefined, {
          name: `check ${event.check}`,
          attributes: { "vmbuild.check": event.check },
          durationMs: event.durationMs,
          failure: event.ok ? undefined : (event.reason ?? "the check failed"),
        });
        break;
      case "checkpoint.saved":
        this.#whole(undefined, {
          name: "checkpoint",
          attributes: {
            "vmbuild.step": event.step,
            "vmbuild.checkpoint.memory_bytes": event.memoryBytes,
            "vmbuild.checkpoint.disk_bytes": event.diskBytes,
          },
          durationMs: event.durationMs,
        });
        break;
      default:
        this.#mark(event);
    }
  }

  /** Adds an event without a duration of its own to the step to which it belongs, or to the run. */
  #mark(event: SentEvent): void {
    if (event.type === "progress" || event.type === "output.state") return;
    const fields = Object.entries(event).filter(
      ([key, value]) => !COMMON.has(key) && ["string", "number", "boolean"].includes(typeof value),
    );
    const attributes = Object.fromEntries(fields.map(([key, value]) => [`vmbuild.${key}`, value]));
    const step = "step" in event && event.step !== undefined ? stepKey(event) : undefined;
    const span = (step === undefined ? undefined : this.#open.get(step)) ?? this.#root;
    span?.addEvent(event.type, attributes as Attributes, this.#lastTime);
  }

  #startRoot({ build, runId }: SentEvent): Span {
    const attributes = { "vmbuild.build": build, "vmbuild.run.id": runId };
    const options = { startTime: this.#lastTime, attributes };
    return this.#tracer.startSpan(`build ${build}`, options, this.#caller);
  }

  #contextOf(parent: Span | undefined): Context {
    const span = parent ?? this.#root;
    return span ? trace.setSpan(this.#caller, span) : this.#caller;
  }

  #start(key: string, name: string, attributes: Attributes, parent?: Span): void {
    const options = { startTime: this.#lastTime, attributes };
    this.#open.set(key, this.#tracer.startSpan(name, options, this.#contextOf(parent)));
  }

  #finish(key: string, attributes: Attributes = {}, failure?: string): void {
    const span = this.#open.get(key);
    if (!span) return;
    this.#open.delete(key);
    span.setAttributes(attributes);
    if (failure !== undefined) markFailed(span, failure);
    span.end(this.#lastTime);
  }

  #whole(parent: Span | undefined, { name, attributes, durationMs, failure }: Whole): void {
    const startTime = new Date(this.#lastTime.getTime() - durationMs);
    const options = { startTime, attributes };
    const span = this.#tracer.startSpan(name, options, this.#contextOf(parent));
    if (failure !== undefined) markFailed(span, failure);
    span.end(this.#lastTime);
  }

  /** Ends a step that was not needed; its span exists when its checks were tried first. */
  #skip(event: Of<"step.skipped">): void {
    const attributes = { "vmbuild.step.result": "skipped", "vmbuild.step.reason": event.reason };
    if (this.#open.has(stepKey(event))) this.#finish(stepKey(event), attributes);
    else this.#whole(undefined, { ...wholeStep(event, "skipped"), durationMs: event.durationMs });
  }

  /** Ends a failed step, and the action in which it failed. */
  #failStep(event: Of<"step.failed">): void {
    for (const key of [...this.#open.keys()]) {
      if (key.startsWith(`action ${event.step} `)) this.#finish(key, {}, "the action failed");
    }
    this.#finish(stepKey(event), {}, "the step failed");
  }

  #fail({ error }: Of<"run.failed">): void {
    this.#root?.setAttributes({ "error.type": error.code, "vmbuild.exit_code": error.exit });
    if (this.#root) markFailed(this.#root, error.message);
    this.end();
  }
}

function markFailed(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** Fields that all events have, and those that name the step. */
const COMMON: ReadonlySet<string> = new Set([
  "type",
  "v",
  "time",
  "build",
  "id",
  "seq",
  "runId",
  "step",
]);

const stepKey = ({ step }: { readonly step?: string }): string => `step ${step ?? ""}`;

function stepAttributes({ step, index }: { step: string; index: number }): Attributes {
  return { "vmbuild.step": step, "vmbuild.step.index": index };
}

function wholeStep(event: Of<"step.kept" | "step.skipped">, result: string) {
  const attributes = { ...stepAttributes(event), "vmbuild.step.result": result };
  return { name: stepKey(event), attributes };
}

function detailOf({ detail }: { readonly detail?: string }): Attributes {
  return detail === undefined ? {} : { "vmbuild.detail": detail };
}
