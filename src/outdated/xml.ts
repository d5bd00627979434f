/** Reads XML piece by piece: elements with their attributes and texts. */
import { SaxesParser } from "saxes";

/** Element that has ended. */
export interface XmlElement {
  /** Names from the root to the element, with slashes between them: `/repomd/data/location`. */
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Text directly in the element, without spaces around it. */
  readonly text: string;
}

interface OpenElement {
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

/** Reader of one document. Namespaces are not read. */
export class XmlReader {
  readonly #parser = new SaxesParser();
  readonly #open: OpenElement[] = [];
  #wellFormed = true;

  /** @param onElement called when an element ends. */
  constructor(onElement: (element: XmlElement) => void) {
    const addText = (text: string): void => {
      const current = this.#open.at(-1);
      if (current) current.text += text;
    };
    this.#parser.on("opentag", ({ name, attributes }) => {
      const path = `${this.#open.at(-1)?.path ?? ""}/${name}`;
      this.#open.push({ path, attributes, text: "" });
    });
    this.#parser.on("text", addText);
    this.#parser.on("cdata", addText);
    this.#parser.on("closetag", () => {
      const element = this.#open.pop();
      if (element) onElement({ ...element, text: element.text.trim() });
    });
    // Without a handler, the parser throws.
    this.#parser.on("error", () => {
      this.#wellFormed = false;
    });
  }

  /** Takes the next piece of the text. */
  write(piece: string): void {
    this.#parser.write(piece);
  }

  /** Ends the document. Returns whether it was complete and well-formed. */
  end(): boolean {
    this.#parser.close();
    return this.#wellFormed;
  }
}
