/** Converts the keys that the qemu builder types. */
import type { BlockReader } from "../block.js";
import { refuseLeftover } from "../block.js";
import type { ImageContext } from "../context.js";
import { durationText } from "../durations.js";
import { textOf } from "../plain.js";

/** Keys of a boot command, and the option that has them. */
export interface BootKeys {
  readonly option: "boot_command" | "boot_steps";
  readonly keys: readonly string[];
}

/** Returns the keys that are typed, one list for both options. */
export function bootCommand(reader: BlockReader): BootKeys {
  if (reader.has("boot_command")) {
    refuseLeftover(reader, "boot_command", reader.texts("boot_command"));
    const keys = reader.jsonTexts("boot_command").filter((text) => text !== "");
    return { option: "boot_command", keys };
  }
  const steps = reader.json("boot_steps");
  const keys = (Array.isArray(steps) ? steps : []).flatMap((step) => {
    const text = textOf(Array.isArray(step) ? step[0] : step) ?? "";
    return text === "" ? [] : [text];
  });
  refuseLeftover(reader, "boot_steps", keys);
  return { option: "boot_steps", keys };
}

/** Returns whether keys only confirm what a system does by itself, such as an entry of a menu. */
export function onlyConfirms({ keys }: BootKeys): boolean {
  return /^(?:<(?:enter|return|wait[^<>]*)>|\s)*$/i.test(keys.join(""));
}

/** Sets the boot command below `path`. */
export function setKeys(
  reader: BlockReader,
  { draft }: Pick<ImageContext, "draft">,
  path: readonly string[],
): void {
  const { option, keys } = bootCommand(reader);
  if (keys.length === 0) return;
  draft.set([...path, "bootCommand"], [...keys], reader.origin(option));
  const wait = reader.jsonText("boot_wait");
  if (wait !== undefined && wait !== "") {
    draft.set([...path, "bootWait"], durationText(wait), reader.origin("boot_wait"));
  }
  const interval = reader.jsonText("boot_key_interval");
  if (interval !== undefined && interval !== "") {
    draft.set([...path, "keyInterval"], durationText(interval), reader.origin("boot_key_interval"));
  }
}
