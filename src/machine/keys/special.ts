/**
 * Lists the named keys of Packer's boot_command notation (packer-plugin-sdk,
 * bootcommand/boot_command.pigeon) with QEMU's names of them (QKeyCode in qapi/ui.json).
 */

const FUNCTION_KEYS = Array.from({ length: 12 }, (_, index) => `f${index + 1}`);

/**
 * QEMU's name of each key by its name in the notation. Command and Option are the keys at these
 * places of a PC keyboard: the Windows key and Alt. The menu key of PC keyboards is `compose` in
 * QEMU.
 */
const SPECIAL_KEYS: readonly (readonly [name: string, qcode: string])[] = [
  ["bs", "backspace"],
  ["del", "delete"],
  ["enter", "ret"],
  ["return", "ret"],
  ["esc", "esc"],
  ["tab", "tab"],
  ["up", "up"],
  ["down", "down"],
  ["left", "left"],
  ["right", "right"],
  ["spacebar", "spc"],
  ["insert", "insert"],
  ["home", "home"],
  ["end", "end"],
  ["pageUp", "pgup"],
  ["pageDown", "pgdn"],
  ["leftAlt", "alt"],
  ["rightAlt", "alt_r"],
  ["leftCtrl", "ctrl"],
  ["rightCtrl", "ctrl_r"],
  ["leftShift", "shift"],
  ["rightShift", "shift_r"],
  ["leftSuper", "meta_l"],
  ["rightSuper", "meta_r"],
  ["leftCommand", "meta_l"],
  ["rightCommand", "meta_r"],
  ["leftOption", "alt"],
  ["rightOption", "alt_r"],
  ["menu", "compose"],
  ...FUNCTION_KEYS.map((name) => [name, name] as const),
];

/** Named key. */
export interface SpecialKey {
  /** Name in the notation, in its usual spelling. */
  readonly name: string;
  readonly qcode: string;
}

const BY_NAME: ReadonlyMap<string, SpecialKey> = new Map(
  SPECIAL_KEYS.map(([name, qcode]) => [name.toLowerCase(), { name, qcode }]),
);

/** Returns a key by its name, in any case. Undefined when no key has this name. */
export function specialKey(name: string): SpecialKey | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/** Names of all keys, in their usual spelling. */
export const SPECIAL_KEY_NAMES: readonly string[] = SPECIAL_KEYS.map(([name]) => name);
