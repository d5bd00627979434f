/** Builds the steps of an image from provisioners. */
import type { Draft, Origin } from "./json.js";
import type { Plain, PlainObject } from "./plain.js";

/** What a shutdown command does before it powers off. */
export interface ShutdownStep {
  readonly commands: string;
  readonly asRoot: boolean;
  readonly origin: Origin;
}

/** Step before it has its final name. */
export interface NewStep {
  /** Name as a sentence: kind and first line. */
  readonly title: string;
  readonly actions: readonly Plain[];
  readonly environment?: Readonly<Record<string, Plain>>;
  /** Time limit for each action, such as `30m`. */
  readonly timeout?: string | undefined;
  readonly retries?: number | undefined;
  readonly origin: Origin;
}

/** Time limit of steps, because Packer has none. */
const NO_LIMIT = "24h";

/** Longest name of a step. */
const NAME_LENGTH = 40;

/** Returns a text as a name that steps can have. */
export function stepName(text: string): string {
  const words = text
    .normalize("NFKD")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replaceAll(/-{2,}/g, "-")
    .replaceAll(/^[^A-Za-z0-9]+|[-._]+$/g, "");
  if (words.length <= NAME_LENGTH) return words || "step";
  return words.slice(0, NAME_LENGTH).replaceAll(/[-._]+$/g, "") || "step";
}

/** Collects steps, and gives each a name of its own. */
export class StepList {
  readonly #draft: Draft;
  readonly #names = new Set<string>();

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Adds a step; returns its name. */
  add(step: NewStep): string {
    const name = this.#unique(stepName(step.title));
    const { actions, environment = {}, timeout = NO_LIMIT, retries = 0, origin } = step;
    const json: PlainObject = {
      name,
      ...(Object.keys(environment).length > 0 && { environment: { ...environment } }),
      timeout,
      ...(retries > 0 && { retries }),
      actions: [...actions],
    };
    this.#draft.add(["steps"], json, origin);
    return name;
  }

  #unique(name: string): string {
    let unique = name;
    for (let number = 2; this.#names.has(unique); number++) unique = `${name}-${number}`;
    this.#names.add(unique);
    return unique;
  }
}
