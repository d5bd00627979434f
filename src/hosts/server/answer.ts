/** Defines what requests of another host are answered with. */

/** Answer to a request. */
export interface Answer {
  readonly result: object;
  /** Number of the bytes that follow the result. */
  readonly bytes?: number;
  readonly parts?: AsyncIterable<Buffer>;
}
