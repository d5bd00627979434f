/** Shape of a kind of provisioner, and what all kinds have in common. */
import type { PackerBlock } from "../model.js";
import { BlockReader } from "./block.js";
import type { GuestLogin, ImageContext } from "./context.js";
import { durationText, sleepText } from "./durations.js";
import { mapped } from "./rules.js";
import type { RuleTable } from "./rules.js";
import type { NewStep, StepList } from "./steps.js";
import type { Plain } from "./plain.js";

/** What a provisioner is converted with. */
export interface ProvisionerContext extends ImageContext {
  readonly login: GuestLogin;
  readonly steps: StepList;
}

/** Provisioner that vmbuild can follow. */
export interface ProvisionerKind {
  /** Name in `provisioner "NAME"`. */
  readonly name: string;
  readonly rules: RuleTable;
  readonly convert: (reader: BlockReader, context: ProvisionerContext) => Promise<void>;
}

/** Options that every provisioner has. */
export const COMMON_RULES: RuleTable = {
  pause_before: mapped("a pause as the step's first action"),
  max_retries: mapped("the step's retries"),
  timeout: mapped("the step's timeout"),
  only: mapped("the step is left out of the other images"),
  except: mapped("the step is left out of these images"),
  override: mapped("the values for the image take their place"),
};

/** Returns a reader of a provisioner. */
export function readProvisioner(
  kind: ProvisionerKind,
  block: PackerBlock,
  { keeper, report, runtime }: ImageContext,
): BlockReader {
  return new BlockReader(
    block,
    { ...COMMON_RULES, ...kind.rules },
    {
      keeper,
      report,
      subject: `provisioner ${kind.name}`,
      runtime,
      handled: new Set(["type", "name"]),
    },
  );
}

/** Returns the action for a pause. */
export function pause(seconds: string): Plain {
  return { local: `sleep ${seconds}`, cache: true };
}

/** Returns the parts of a step that the options of every provisioner state. */
export function commonStep(
  reader: BlockReader,
): Pick<NewStep, "timeout" | "retries"> & { readonly before: readonly Plain[] } {
  const before = reader.text("pause_before");
  const timeout = reader.jsonText("timeout");
  const isPaused = before !== undefined && before !== "" && sleepText(before) !== "0";
  return {
    before: isPaused ? [pause(sleepText(before))] : [],
    timeout: timeout === undefined || timeout === "" ? undefined : durationText(timeout),
    retries: reader.number("max_retries"),
  };
}
