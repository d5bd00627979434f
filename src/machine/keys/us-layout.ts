/** Maps characters to keys of a US keyboard, by QEMU's names of keys (QKeyCode in qapi/ui.json). */

/** Key that types a character. */
export interface CharacterKey {
  /** QEMU's name of the key. */
  readonly qcode: string;
  /** True when Shift must be held. */
  readonly shift: boolean;
}

/** Keys with two characters besides letters: the name, the character alone, and that with Shift. */
const SYMBOL_KEYS: readonly (readonly [qcode: string, plain: string, shifted: string])[] = [
  ["grave_accent", "`", "~"],
  ["1", "1", "!"],
  ["2", "2", "@"],
  ["3", "3", "#"],
  ["4", "4", "$"],
  ["5", "5", "%"],
  ["6", "6", "^"],
  ["7", "7", "&"],
  ["8", "8", "*"],
  ["9", "9", "("],
  ["0", "0", ")"],
  ["minus", "-", "_"],
  ["equal", "=", "+"],
  ["bracket_left", "[", "{"],
  ["bracket_right", "]", "}"],
  ["backslash", "\\", "|"],
  ["semicolon", ";", ":"],
  ["apostrophe", "'", '"'],
  ["comma", ",", "<"],
  ["dot", ".", ">"],
  ["slash", "/", "?"],
];

const KEYS: ReadonlyMap<string, CharacterKey> = new Map([
  ...SYMBOL_KEYS.flatMap(([qcode, plain, shifted]): [string, CharacterKey][] => [
    [plain, { qcode, shift: false }],
    [shifted, { qcode, shift: true }],
  ]),
  ...Array.from("abcdefghijklmnopqrstuvwxyz").flatMap((letter): [string, CharacterKey][] => [
    [letter, { qcode: letter, shift: false }],
    [letter.toUpperCase(), { qcode: letter, shift: true }],
  ]),
  [" ", { qcode: "spc", shift: false }],
  ["\n", { qcode: "ret", shift: false }],
  ["\t", { qcode: "tab", shift: false }],
]);

/**
 * Returns the key for a printable ASCII character, a line feed (Enter) or a tab. Undefined for
 * characters that a US keyboard cannot type.
 */
export function keyOfCharacter(character: string): CharacterKey | undefined {
  return KEYS.get(character);
}
