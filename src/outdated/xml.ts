/** Reads XML piece by piece: elements with their attributes and texts. Types and namespaces are not read. */

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

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" },
};

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined;
    if (code === undefined) return ENTITIES[name] ?? whole;
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Comment, CDATA section, processing instruction or document type; else the inside of a tag. */
const MARKUP =
  /<(?:!--[\s\S]*?--|!\[CDATA\[([\s\S]*?)\]\]|[?!](?!--|\[CDATA\[)[^>]*|((?![?!])(?:"[^"]*"|'[^']*'|[^"'>])+))>/g;

function attributesOf(text: string): Record<string, string> {
  const found = text.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g);
  return Object.fromEntries(
    [...found].map(([, name = "", one, other]) => [name, decodeEntities(one ?? other ?? "")]),
  );
}

/** Reader of one document. */
export class XmlReader {
  readonly #onElement: (element: XmlElement) => void;
  readonly #open: OpenElement[] = [];
  #rest = "";

  /** @param onElement called when an element ends. */
  constructor(onElement: (element: XmlElement) => void) {
    this.#onElement = onElement;
  }

  /** Takes the next piece of the text. */
  write(piece: string): void {
    const text = this.#rest + piece;
    let done = 0;
    for (const match of text.matchAll(MARKUP)) {
      const before = text.slice(done, match.index);
      // What has begun there is not complete yet.
      if (before.includes("<")) break;
      this.#text(decodeEntities(before));
      const [whole, section, tag] = match;
      if (section !== undefined) this.#text(section);
      else if (tag !== undefined) this.#tag(tag);
      done = match.index + whole.length;
    }
    this.#rest = text.slice(done);
  }

  /** Ends the document. Returns whether it was complete. */
  end(): boolean {
    return this.#open.length === 0 && !this.#rest.includes("<");
  }

  #text(text: string): void {
    const current = this.#open.at(-1);
    if (current) current.text += text;
  }

  #tag(tag: string): void {
    if (tag.startsWith("/")) return this.#close();
    const name = /^[^\s/]+/.exec(tag)?.[0] ?? "";
    const path = `${this.#open.at(-1)?.path ?? ""}/${name}`;
    this.#open.push({ path, attributes: attributesOf(tag.slice(name.length)), text: "" });
    if (tag.endsWith("/")) this.#close();
  }

  #close(): void {
    const element = this.#open.pop();
    if (element) this.#onElement({ ...element, text: element.text.trim() });
  }
}
