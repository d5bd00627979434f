/**
 * Defines the interface of an action type. Each action is a file in this folder; `registry.ts`
 * lists them.
 */
import type { z } from "zod";
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import type { ProgramName } from "../host/programs.js";
import type { OutputClaim } from "./output-path.js";

/** File or folder of the host that an action reads. */
export interface LocalSource {
  /** Absolute path. */
  readonly path: string;
  readonly kind: "file" | "tree";
  /** Set for scripts, which are checked with their interpreter's `-n` before a machine starts. */
  readonly script?: boolean;
  /** Program that reads the script, with arguments, in place of the one of its first line. */
  readonly interpreter?: readonly string[] | undefined;
  /**
   * Set for the folder of a project that lies beside the template. Version control, caches, the
   * template and the output folder in it do not count; all other files are named when one changes.
   */
  readonly project?: boolean;
}

/** Text of an action that a shell or another interpreter reads, in the guest or on the host. */
export interface ShellText {
  /** Path of keys inside the action. */
  readonly key: readonly string[];
  readonly text: string;
  /** Commands of which the text consists. */
  readonly parts: readonly string[];
  /** Program that reads the text, with arguments: `["/bin/sh"]`. */
  readonly interpreter: readonly string[];
}

/** Context in which an action runs. */
export interface ActionContext {
  readonly guest: Guest;
  readonly emit: Emit;
  /** Aborts when the run is cancelled or the machine ends. */
  readonly signal: AbortSignal;
  /** Name of the step. */
  readonly step: string;
  /** Environment of the step, for every command. */
  readonly environment: Readonly<Record<string, string>>;
  /** Remaining time for this action in milliseconds. */
  readonly timeoutMs: number;
  /** Folder to which paths of the template are relative; absolute. */
  readonly templateFolder: string;
  /** Folder for files that this run puts beside the artifact; absolute. Created when needed. */
  readonly outputFolder: string;
  /** Paths in that folder that the template's other downloads use. */
  readonly otherDownloads?: readonly OutputClaim[];
  /** Paths beside the template that are not part of a project: the template, the output folder. */
  readonly buildPaths?: readonly string[];
  /** Sets the action's result in a few words, which the summary shows beside the step. */
  readonly onResult?: (result: string) => void;
  /** Writes a line to the step's log and to the sinks. */
  readonly onLine: (line: string, stream: "stdout" | "stderr", source?: string) => void;
  /** Shows the state of a line that is not finished, such as a progress bar. No log gets it. */
  readonly onState?: (state: string, stream: "stdout" | "stderr", source?: string) => void;
}

/** Type of an action. `T` is the parsed form of its JSON. */
export interface ActionType<T = unknown> {
  /** Key that identifies the action in a template, and its name everywhere else. */
  readonly name: string;
  /** One sentence for the reference. */
  readonly summary: string;
  /** Fragment of a template for the reference. */
  readonly example: string;
  readonly schema: z.ZodType<T>;
  /**
   * Place where the action runs. An action on the host needs no guest, and may create or change
   * files of the host that later actions read.
   */
  readonly runsOn: "guest" | "host";
  /**
   * Keys that contain shell text, in which a `${…}` that is not a reference is left to the shell.
   */
  readonly shellKeys: readonly string[];
  /** Describes an action in one line. */
  describe(action: T): string;
  /** Returns the host's files that the action reads. */
  sources(action: T, templateFolder: string): LocalSource[];
  /** Returns the programs of the host that the action starts. */
  programs(action: T): readonly ProgramName[];
  /** Returns the shell texts whose syntax is checked before a machine starts. */
  shellTexts(action: T): readonly ShellText[];
  /**
   * Returns whether the action runs again when its step is restored from a checkpoint, because no
   * checkpoint contains its effect.
   */
  rerunsWhenRestored(action: T): boolean;
  /**
   * Returns the paths below the output folder that the action creates, as far as they are known in
   * advance.
   */
  outputs(action: T): readonly OutputClaim[];
  /** Returns the paths below the output folder of files with facts for the manifest. */
  factFiles(action: T): readonly string[];
  /**
   * Returns the absolute paths outside the output folder that the action creates, and creates again
   * if they are missing.
   */
  hostPaths(action: T, templateFolder: string): readonly string[];
  /** Returns warnings for `validate`, based on the state of the host. */
  warnings(action: T, templateFolder: string): Promise<readonly string[]>;
  /** Runs the action. Throws a VmbuildError when it fails. */
  run(action: T, context: ActionContext): Promise<void>;
}

/** Properties for which most actions use the default. */
type OptionalFacts =
  | "runsOn"
  | "shellKeys"
  | "sources"
  | "programs"
  | "shellTexts"
  | "rerunsWhenRestored"
  | "outputs"
  | "factFiles"
  | "hostPaths"
  | "warnings";

const none = (): [] => [];

/**
 * Defines an action with types inferred from its schema. By default it runs in the guest, its
 * effect is part of a checkpoint, and it has no files, programs or shell texts.
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
    factFiles: none,
    hostPaths: none,
    warnings: () => Promise.resolve([]),
    ...type,
  };
}
