/** Colours and marks of everything that is printed. */

/** Puts a text into a colour, or leaves it as it is. */
export type Paint = (text: string) => string;

/** The few colours in use. With colour off, each returns its text unchanged. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

/** SGR codes on and off (ECMA-48, 8.3.117). `util.styleText` consults stdout, so it is not used. */
function sgr(enabled: boolean, on: number, off: number): Paint {
  return (text) => (enabled && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text);
}

/** The palette, with colour or without. */
export function createStyle(enabled: boolean): Style {
  return {
    bold: sgr(enabled, 1, 22),
    dim: sgr(enabled, 2, 22),
    red: sgr(enabled, 31, 39),
    green: sgr(enabled, 32, 39),
    yellow: sgr(enabled, 33, 39),
    cyan: sgr(enabled, 36, 39),
  };
}

/** Marks for terminals with and without Unicode. */
export interface Marks {
  readonly done: string;
  readonly failed: string;
  readonly warning: string;
  readonly note: string;
  readonly paused: string;
  readonly gutter: string;
  readonly barDone: string;
  readonly barLeft: string;
  readonly separator: string;
  /** Frames of the spinner. */
  readonly busy: readonly string[];
}

/** Creates marks of one column each. */
export function createMarks(unicode: boolean): Marks {
  return unicode
    ? {
        done: "✓",
        failed: "✗",
        warning: "!",
        note: "·",
        paused: "‖",
        gutter: "│",
        barDone: "━",
        barLeft: "─",
        separator: "·",
        busy: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
      }
    : {
        done: "+",
        failed: "x",
        warning: "!",
        note: "-",
        paused: "=",
        gutter: "|",
        barDone: "#",
        barLeft: "-",
        separator: "-",
        busy: ["|", "/", "-", "\\"],
      };
}
