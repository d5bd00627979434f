/** Defines the colours and symbols of terminal output. */
import { styleText } from "node:util";

/** Applies a colour to a text, or returns it unchanged. */
export type Paint = (text: string) => string;

/** Colours in use. Without colour, each function returns its text unchanged. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

type Format = keyof Style;

/** Returns the palette. The caller decides about colour, from the stream and NO_COLOR. */
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

/** Symbols for terminals with and without Unicode. */
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

/** Creates symbols that are one column wide. */
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
