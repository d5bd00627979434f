import { describe, expect, it } from "vitest";
import { parseKeys } from "../../../../src/machine/keys/notation.js";
import type { KeyEvent } from "../../../../src/machine/keys/notation.js";

/** Writes an event as `+` or `-` for down and up, `^` for Shift, and QEMU's name of the key. */
function show(event: KeyEvent): string {
  if (event.kind === "wait") return `${event.ms}ms`;
  const sign = { press: "", down: "+", up: "-" }[event.action];
  return `${sign}${event.shift ? "^" : ""}${event.qcode}`;
}

/** Returns the events of a text without problems. */
function eventsOf(...texts: string[]): string {
  const { events, problems } = parseKeys(texts);
  expect(problems).toEqual([]);
  return events.map(show).join(" ");
}

const problemOf = (text: string): string | undefined => parseKeys([text]).problems[0]?.message;

describe("the notation", () => {
  it.each([
    ["characters", "aB1 _", "a ^b 1 spc ^minus"],
    ["a line feed and a tab", "\n\t", "ret tab"],
    ["a wait of a second", "<wait>", "1000ms"],
    ["seconds", "<wait5><wait10>", "5000ms 10000ms"],
    ["durations", "<wait10s><wait1m30s><wait1h><wait1.5s>", "10000ms 90000ms 3600000ms 1500ms"],
    ["short durations", "<wait250ms><wait1000us><wait500µs><wait1000000ns>", "250ms 1ms 0.5ms 1ms"],
    ["keys", "<bs><del><enter><return><esc><tab>", "backspace delete ret ret esc tab"],
    ["arrows", "<up><down><left><right>", "up down left right"],
    ["more keys", "<spacebar><insert><home><end>", "spc insert home end"],
    ["pages", "<pageUp><pageDown><menu>", "pgup pgdn compose"],
    ["function keys", "<f1><f2><f9><f10><f11><f12>", "f1 f2 f9 f10 f11 f12"],
    ["modifiers on the left", "<leftAlt><leftCtrl><leftShift><leftSuper>", "alt ctrl shift meta_l"],
    [
      "modifiers on the right",
      "<rightAlt><rightCtrl><rightShift><rightSuper>",
      "alt_r ctrl_r shift_r meta_r",
    ],
    [
      "keys of a Mac, by their place",
      "<leftCommand><rightCommand><leftOption><rightOption>",
      "meta_l meta_r alt alt_r",
    ],
    ["names in any case", "<ENTER><PageUp><leftctrlON>", "ret pgup +ctrl"],
    [
      "held keys",
      "<leftCtrlOn><leftAltOn><del><leftAltOff><leftCtrlOff>",
      "+ctrl +alt delete -alt -ctrl",
    ],
    ["names that end in on", "<leftOption><leftOptionOn><rightOptionOff>", "alt +alt -alt_r"],
    ["held characters", "<leftCtrlOn><cOn><cOff><leftCtrlOff>", "+ctrl +c -c -ctrl"],
    ["held characters in any case", "<COn><coff><<On>><f1On>", "+^c -c +^comma ^dot +f1"],
    [
      "angle brackets",
      "<<>a < b> <-<!x>",
      "^comma ^comma ^dot a spc ^comma spc b ^dot spc ^comma minus ^comma ^1 x ^dot",
    ],
  ])("has %s", (_name, text, expected) => {
    expect(eventsOf(text)).toBe(expected);
  });

  it("parses the strings of a list one by one, and joins the keys", () => {
    expect(eventsOf("<leftShiftOn>", "a", "<leftShiftOff>")).toBe("+shift a -shift");
    expect(eventsOf("<", "enter>")).toBe("^comma e n t e r ^dot");
    expect(eventsOf()).toBe("");
  });

  it.each([
    ["<wait0>", "<wait0> must wait longer than 0"],
    ["<wait0s>", "<wait0s> must wait longer than 0"],
    ["<wait-5s>", "<wait-5s> must wait longer than 0"],
    ["<wait1m-5s>", "<wait1m-5s> must wait longer than 0"],
    ["<wait25h>", "<wait25h> waits longer than a day"],
    ["<wait05>", "<wait05> is not a valid wait; use for example"],
    ["<Wait5>", "<Wait5> is not a valid wait"],
    ["<wait 5>", "<wait 5> is not a valid wait"],
    ["<wait1.5>", "<wait1.5> is not a valid wait"],
    ["<waitForScreen>", "<waitForScreen> is not a valid wait"],
    [
      "<entr>",
      '<entr> is not a key; did you mean "<enter>"? To type the characters themselves, write two strings: "<", "entr>"',
    ],
    ["<escape>", 'did you mean "<esc>"?'],
    ["<leftCtlOn>", 'did you mean "<leftCtrlOn>"?'],
    ["<left-ctrl>", 'did you mean "<leftCtrl>"?'],
    ["<ctrlOff>", 'did you mean "<leftCtrlOff>"?'],
    ["<f13>", "<f13> is not a key"],
    [
      "<something>",
      "<something> is not a key. To type the characters themselves, write two strings",
    ],
    ["ä", 'The character "ä" (U+00E4) cannot be typed on a US keyboard'],
    ["<éOn>", 'The character "é" (U+00E9)'],
    ["\u{1F600}", "(U+1F600)"],
    ["\r", "The character (U+000D) cannot be typed"],
  ])("refuses %s", (text, message) => {
    expect(problemOf(text)).toContain(message);
  });

  it("names the text and the column of every problem", () => {
    const { problems } = parseKeys(["ok <enter>", "é<enter>ü<foo>\u{1F600}x<wait0>"]);
    expect(problems.map(({ text, column }) => [text, column])).toEqual([
      [1, 1],
      [1, 9],
      [1, 10],
      [1, 15],
      [1, 17],
    ]);
  });

  it("types unknown names as characters on request, as Packer does", () => {
    const { events, problems } = parseKeys(["<f13><Wait5>é"], { unknown: "characters" });
    expect(events.map(show).join(" ")).toBe("^comma f 1 3 ^dot ^comma ^w a i t 5 ^dot");
    expect(problems).toMatchObject([{ column: 13 }]);
  });
});
