/** Tracks the checkpoint key from step to step, and saves a checkpoint after each step. */
import { differencesOf, keyOf } from "../../checkpoints/manifest.js";
import type { Manifest } from "../../checkpoints/manifest.js";
import { asVmbuildError } from "../../errors.js";
import type { Guest } from "../../guest/guest.js";
import type { Step } from "../../steps/schema.js";
import type { ContextWith } from "../context.js";
import type { ReadyMachine } from "../lifecycle.js";
import { stepManifest } from "./manifests.js";
import { parentKeyOf } from "./decide.js";
import type { RunPlan } from "./plan.js";

/** Step that has just succeeded. */
interface FinishedStep {
  readonly step: Step;
  /** Counted from 1. */
  readonly index: number;
  /** Duration of the step. Milliseconds. */
  readonly stepMs: number;
  readonly guest: Guest;
}

/** Tracks the key of the machine's present content for as long as it is certain. */
export class CheckpointRecorder {
  readonly #plan: RunPlan;
  readonly #saver: ReadyMachine["saver"];
  /** Undefined once it is no longer certain. */
  #key: string | undefined;
  #manifestBefore: Manifest = {};
  #isSaving = true;

  constructor(plan: RunPlan, { from, saver }: ReadyMachine) {
    this.#plan = plan;
    this.#saver = saver;
    this.#key = from ? parentKeyOf(from) : plan.decision.keys[0];
  }

  /** Key of the machine's present content. */
  get key(): string | undefined {
    return this.#key;
  }

  /**
   * Records what a step will use. Called before the step, and again after its local actions, which
   * may create such files.
   */
  async beforeStep(context: ContextWith<"options" | "emit">, step: Step): Promise<void> {
    if (this.#key !== undefined) this.#manifestBefore = await this.#describeStep(context, step);
  }

  /**
   * Creates the step's manifest. The key becomes uncertain when a file disappears while it is read.
   */
  async #describeStep(context: ContextWith<"options" | "emit">, step: Step): Promise<Manifest> {
    try {
      return await stepManifest(step, this.#plan.describer);
    } catch (thrown) {
      context.options.signal.throwIfAborted();
      this.#invalidateKey(context, step, asVmbuildError(thrown).message);
      return {};
    }
  }

  #invalidateKey({ emit }: ContextWith<"emit">, step: Step, why: string): void {
    this.#key = undefined;
    emit({
      type: "warning",
      message: `${why}: no checkpoints are saved from step ${step.name} on`,
      hint: "The next run resumes before this step.",
    });
  }

  /** Saves a checkpoint after a step, if the key is certain. */
  async afterStep(
    context: ContextWith<"options" | "emit">,
    { step, index, stepMs, guest }: FinishedStep,
  ): Promise<void> {
    if (this.#key === undefined) return;
    const manifest = await this.#describeStep(context, step);
    const changed = differencesOf(this.#manifestBefore, manifest);
    if (this.#key !== undefined && changed.length > 0) {
      const names = changed.map(({ name }) => name).join(", ");
      this.#invalidateKey(context, step, `${names} changed while step ${step.name} ran`);
    }
    if (this.#key === undefined) return;
    const key = keyOf(this.#key, manifest);
    this.#key = key;
    if (!step.cache) this.#isSaving = false;
    if (!this.#isSaving) return;
    await this.#saver?.save({ index, step: step.name, key, manifest, stepMs }, guest);
  }
}
