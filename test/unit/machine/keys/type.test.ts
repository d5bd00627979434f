/** Typing into a recorded QMP: the order of keys that are pressed and released. */
import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../../src/errors.js";
import { parseKeys } from "../../../../src/machine/keys/notation.js";
import { Keyboard, typeKeys } from "../../../../src/machine/keys/type.js";
import type { TypingTarget } from "../../../../src/machine/keys/type.js";

interface KeyInput {
  readonly data: { readonly down: boolean; readonly key: { readonly data: string } };
}

/** Machine that records `+key` and `-key`. `onKey` is called after each. */
function recorder(onKey: (sent: readonly string[]) => void = () => {}) {
  const sent: string[] = [];
  const execute = (command: string, args: Record<string, unknown>): Promise<unknown> => {
    expect(command).toBe("input-send-event");
    for (const { data } of args["events"] as KeyInput[]) {
      sent.push(`${data.down ? "+" : "-"}${data.key.data}`);
    }
    onKey(sent);
    return Promise.resolve({});
  };
  const machine = { qmp: { execute }, death: new AbortController().signal };
  return { sent, machine: machine as unknown as TypingTarget };
}

const options = { intervalMs: 0, signal: new AbortController().signal };

/** Types a text and returns what was sent, and the keys that were still down. */
async function typed(...texts: string[]) {
  const { sent, machine } = recorder();
  const held = await typeKeys(machine, parseKeys(texts).events, options);
  return { sent: sent.join(" "), held };
}

describe("typeKeys", () => {
  it("presses Shift around a key that needs it", async () => {
    expect(await typed("a:")).toEqual({
      sent: "+a -a +shift +semicolon -semicolon -shift",
      held: [],
    });
  });

  it("leaves Shift down where the notation holds it", async () => {
    const { sent } = await typed("<leftShiftOn>A<leftShiftOff>");
    expect(sent).toBe("+shift +a -a -shift");
  });

  it("releases keys that are still down, and returns their names", async () => {
    expect(await typed("<leftCtrlOn><cOn>", "<AOn><wait1ms>")).toEqual({
      sent: "+ctrl +c +shift +a -ctrl -c -shift -a",
      held: ["leftCtrl", "c", "A"],
    });
    expect(await typed("<leftCtrlOn><leftCtrlOff><xOn>x")).toMatchObject({ held: [] });
  });

  it("holds keys between calls of a keyboard", async () => {
    const { sent, machine } = recorder();
    const keyboard = new Keyboard(machine, options);
    await keyboard.type(parseKeys(["<leftAltOn>"]).events);
    await keyboard.type(parseKeys(["<f2><leftAltOff>"]).events);
    expect(sent).toEqual(["+alt", "+f2", "-f2", "-alt"]);
    expect(await keyboard.release()).toEqual([]);
  });

  it("ends with the reason when it is cancelled, also in a long wait", async () => {
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const cancel = new AbortController();
    const { machine } = recorder((sent) => {
      if (sent.length === 2) setImmediate(() => cancel.abort(reason));
    });
    const { events } = parseKeys(["a<wait1h>b"]);
    const typing = typeKeys(machine, events, { intervalMs: 0, signal: cancel.signal });
    await expect(typing).rejects.toBe(reason);
  });
});
