import { describe, expect, it } from "vitest";
import { keyOfCharacter } from "../../../../src/machine/keys/us-layout.js";

/** Rows of a US keyboard, alone and with Shift, and QEMU's names of their keys. */
const ROWS: readonly (readonly [plain: string, shifted: string, keys: string])[] = [
  ["`1234567890-=", "~!@#$%^&*()_+", "grave_accent 1 2 3 4 5 6 7 8 9 0 minus equal"],
  ["qwertyuiop[]\\", "QWERTYUIOP{}|", "q w e r t y u i o p bracket_left bracket_right backslash"],
  ["asdfghjkl;'", 'ASDFGHJKL:"', "a s d f g h j k l semicolon apostrophe"],
  ["zxcvbnm,./", "ZXCVBNM<>?", "z x c v b n m comma dot slash"],
];

describe("the US layout", () => {
  it.each(ROWS)("types the row %s", (plain, shifted, keys) => {
    for (const [index, qcode] of keys.split(" ").entries()) {
      expect(keyOfCharacter(plain.charAt(index))).toEqual({ qcode, shift: false });
      expect(keyOfCharacter(shifted.charAt(index))).toEqual({ qcode, shift: true });
    }
  });

  it("has all 95 printable characters, and no two share a key", () => {
    const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
    const keys = characters.map((character) => JSON.stringify(keyOfCharacter(character)));
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(95);
  });

  it("has Enter and Tab, and no other characters", () => {
    expect(keyOfCharacter("\n")).toEqual({ qcode: "ret", shift: false });
    expect(keyOfCharacter("\t")).toEqual({ qcode: "tab", shift: false });
    for (const character of ["\r", "\u001b", "\u007f", "ä", "€", ""]) {
      expect(keyOfCharacter(character)).toBeUndefined();
    }
  });
});
