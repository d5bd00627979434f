/** What an action is. Each has one file here; `registry.ts` lists them. */
import type { z } from "zod";
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";

/** A file or folder of the host that an action reads. */
export interface LocalSource {
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "tree";
  /** Set for scripts: checked with their interpreter's `-n` before anything boots. */
  readonly script?: boolean;
}

/** What an action is given to work with. */
export interface ActionContext {
  readonly guest: Guest;
  readonly emit: Emit;
  /** Aborts when the run is cancelled or the machine dies. */
  readonly signal: AbortSignal;
  /** The step's name. */
  readonly step: string;
  /** The step's environment, for every command. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds left for this action. */
  readonly timeoutMs: number;
  /** Where paths of the template are relative to; absolute. */
  readonly templateFolder: string;
  /** For files that this run leaves beside the artifact; absolute. Made on demand. */
  readonly outputFolder: string;
  /** Takes a line into the step's log and to the sinks. */
  readonly onLine: (line: string, stream: "stdout" | "stderr", source?: string) => void;
}

/** A kind of action. `T` is the parsed form of its JSON. */
export interface ActionType<T = unknown> {
  /** The key that marks it in a template, and its name everywhere else. */
  readonly name: string;
  /** One sentence for the reference. */
  readonly summary: string;
  /** A fragment of a template, for the reference. */
  readonly example: string;
  readonly schema: z.ZodType<T>;
  /** One line that tells a reader which one this is. */
  describe(action: T): string;
  /** The host's files that it reads. */
  sources(action: T, templateFolder: string): LocalSource[];
  /** Does it. Throws a VmbuildError when it fails. */
  run(action: T, context: ActionContext): Promise<void>;
}

/** Defines an action with its types inferred from its schema. */
export function defineAction<T>(type: ActionType<T>): ActionType<T> {
  return type;
}
