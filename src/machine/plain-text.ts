/** Converts bytes of a terminal to plain text, and remembers where in the file each part was. */

/** Control sequences (ECMA-48): with parameters (CSI), of the operating system (OSC), and short. */
const CONTROL_SEQUENCE =
  "\\x1b\\[[\\x30-\\x3f]*[\\x20-\\x2f]*[\\x40-\\x7e]|\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)|\\x1b[\\x20-\\x2f]*[\\x30-\\x5a\\x5c\\x5e-\\x7e]";
/** Character in UTF-8, or a single byte of another encoding. */
const CHARACTER =
  "[\\x00-\\x7f]|[\\xc2-\\xdf][\\x80-\\xbf]|[\\xe0-\\xef][\\x80-\\xbf]{2}|[\\xf0-\\xf4][\\x80-\\xbf]{3}|[\\x80-\\xff]";
const PART = new RegExp(`(${CONTROL_SEQUENCE}|[\\x00\\r])|(${CHARACTER})`, "gs");
/** Sequence or character of which the end has not been read yet. */
const INCOMPLETE =
  /(?:\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*|\][^\x07\x1b]*\x1b?|[\x20-\x2f]*)|[\xc2-\xf4][\x80-\xbf]{0,2})$/; // eslint-disable-line no-control-regex -- It matches control sequences.
/** Longer incomplete sequences are taken as text. */
const LONGEST_INCOMPLETE = 256;
/** Text is forgotten when it has twice this many characters; a match may be this long. */
const KEPT_CHARACTERS = 64 * 1024;

/** Growing text without control sequences. */
export class PlainText {
  #text = "";
  /** Position after each UTF-16 unit of the text, in bytes of the file. */
  #ends: number[] = [];
  /** Bytes of the file that are not part of the text yet, one character each. */
  #rest = "";
  #position: number;

  constructor(position: number) {
    this.#position = position;
  }

  /** Position of the next byte to append. */
  get position(): number {
    return this.#position;
  }

  /** Appends bytes of the file. */
  append(bytes: Buffer): void {
    const raw = this.#rest + bytes.toString("latin1");
    const start = this.#position - this.#rest.length;
    const tail = INCOMPLETE.exec(raw.slice(-LONGEST_INCOMPLETE))?.[0].length ?? 0;
    const complete = tail < LONGEST_INCOMPLETE ? raw.length - tail : raw.length;
    for (const match of raw.slice(0, complete).matchAll(PART)) {
      const [whole, , character] = match;
      if (character !== undefined) this.#add(character, start + match.index + whole.length);
    }
    this.#rest = raw.slice(complete);
    this.#position += bytes.length;
    if (this.#text.length <= 2 * KEPT_CHARACTERS) return;
    this.#text = this.#text.slice(-KEPT_CHARACTERS);
    this.#ends = this.#ends.slice(-KEPT_CHARACTERS);
  }

  #add(character: string, end: number): void {
    const decoded =
      character.length === 1 ? character : Buffer.from(character, "latin1").toString("utf8");
    this.#text += decoded;
    for (let unit = 0; unit < decoded.length; unit++) this.#ends.push(end);
  }

  /** Returns the position in the file after the first match; undefined without one. */
  search(pattern: string | RegExp): number | undefined {
    const end = this.#endOfMatch(pattern);
    return end === undefined ? undefined : (this.#ends[end - 1] ?? this.#position);
  }

  #endOfMatch(pattern: string | RegExp): number | undefined {
    if (typeof pattern === "string") {
      const at = this.#text.indexOf(pattern);
      return at === -1 ? undefined : at + pattern.length;
    }
    const flags = pattern.flags.replaceAll(/[gy]/g, "");
    const match = new RegExp(pattern.source, flags).exec(this.#text);
    return match ? match.index + match[0].length : undefined;
  }
}
