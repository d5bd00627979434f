/** Shape of a kind of builder. */
import type { GuestLogin, ImageContext } from "./context.js";
import type { RuleTable } from "./rules.js";
import type { ShutdownStep } from "./steps.js";

/** Result of converting a source: the login, and what is done before the shutdown. */
export interface ConvertedSource {
  readonly login: GuestLogin;
  readonly shutdown: ShutdownStep | undefined;
}

/** Builder whose sources become images. All facts about it are here. */
export interface BuilderKind {
  /** Name in `source "NAME"`. */
  readonly name: string;
  readonly rules: RuleTable;
  /** Sets all sections of the draft but the steps. */
  readonly convert: (context: ImageContext) => Promise<ConvertedSource>;
}
