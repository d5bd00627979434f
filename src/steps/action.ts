/** What an action is. Each has one file here; `registry.ts` lists them. */
import type { z } from "zod";
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import type { ProgramName } from "../host/programs.js";
import type { OutputClaim } from "./output-path.js";

/** A file or folder of the host that an action reads. */
export interface LocalSource {
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "tree";
  /** Set for scripts: checked with their interpreter's `-n` before anything boots. */
  readonly script?: boolean;
}

/** A text of an action that a shell will read, in the guest or on the host. */
export interface ShellText {
  /** Where it stands inside the action. */
  readonly key: readonly string[];
  readonly text: string;
  /** The commands that it is made of. */
  readonly parts: readonly string[];
  /** The shell's path. */
  readonly shell: string;
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
  /** What the template's other downloads claim of that folder. */
  readonly otherDownloads?: readonly OutputClaim[];
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
  /**
   * Where its work is done. One that runs on the host needs no guest, and may make or change files
   * of the host that later actions read.
   */
  readonly runsOn: "guest" | "host";
  /** Its keys for shell text, in which a `${…}` that is no reference is the shell's own. */
  readonly shellKeys: readonly string[];
  /** One line that tells a reader which one this is. */
  describe(action: T): string;
  /** The host's files that it reads. */
  sources(action: T, templateFolder: string): LocalSource[];
  /** Programs of the host that it starts. */
  programs(action: T): readonly ProgramName[];
  /** Its texts for shells, whose syntax is checked before anything boots. */
  shellTexts(action: T): readonly ShellText[];
  /** Whether it runs again although its step is kept, because no checkpoint holds what it does. */
  rerunsWhenRestored(action: T): boolean;
  /** Paths below the output folder that it makes, as far as they are known beforehand. */
  outputs(action: T): readonly OutputClaim[];
  /** Absolute paths outside the output folder that it makes, and makes again if they are gone. */
  hostPaths(action: T, templateFolder: string): readonly string[];
  /** Warnings for `validate`, from a look at the host. */
  warnings(action: T, templateFolder: string): Promise<readonly string[]>;
  /** Does it. Throws a VmbuildError when it fails. */
  run(action: T, context: ActionContext): Promise<void>;
}

/** What most actions have nothing to say of. */
type OptionalFacts =
  | "runsOn"
  | "shellKeys"
  | "sources"
  | "programs"
  | "shellTexts"
  | "rerunsWhenRestored"
  | "outputs"
  | "hostPaths"
  | "warnings";

const none = (): [] => [];

/**
 * Defines an action with its types inferred from its schema. Unless it says otherwise, it runs in
 * the guest, is part of what a checkpoint holds, and has no files, programs or shell texts.
 */
export function defineAction<T>(
  type: Omit<ActionType<T>, OptionalFacts> & Partial<Pick<ActionType<T>, OptionalFacts>>,
): ActionType<T> {
  return {
    runsOn: "guest",
    shellKeys: [],
    sources: none,
    programs: none,
    shellTexts: none,
    rerunsWhenRestored: () => false,
    outputs: none,
    hostPaths: none,
    warnings: () => Promise.resolve([]),
    ...type,
  };
}
