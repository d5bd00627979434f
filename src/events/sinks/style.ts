/** Colours and marks of everything that is printed. */
import { styleText } from "node:util";

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

type Format = keyof Style;

/** Returns the palette, with colour or without: the caller has looked at the stream and at NO_COLOR. */
export function createStyle(enabled: boolean): Style {
  const paint =
    (format: Format): Paint =>
    (text) =>
      enabled && text !== "" ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    red: paint("red"),
    green: paint("green"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
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
