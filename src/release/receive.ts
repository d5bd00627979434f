/** Receives the parts of an image, several at once, each at its place in the joined file. */
import { AddressFailure, asAddressFailure } from "../inputs/failure.js";
import type { FullContext } from "../inputs/context.js";
import { retrying } from "../inputs/retry.js";
import { rangeValidator } from "../inputs/source.js";
import { VmbuildError, messageOf } from "../errors.js";
import type { PartState, PartialImage } from "./partial.js";
import { inParallel } from "./pool.js";
import type { RemoteImage, RemotePart } from "./remote.js";
import type { ReleaseStore } from "./store.js";

/** What the parts of one image have in common. */
export interface Receiving {
  readonly store: ReleaseStore;
  readonly image: RemoteImage;
  readonly partial: PartialImage;
  readonly context: FullContext;
  /** Called after each chunk. */
  readonly onBytes: () => void;
}

interface Piece {
  readonly part: RemotePart;
  readonly state: PartState;
  /** Place of the part in the image. */
  readonly start: number;
}

/** Amount of new data after which attempts are counted from zero. */
const NEW_GROUND_BYTES = 1024 * 1024;

async function readBody(
  { partial, context, onBytes }: Receiving,
  piece: Piece,
  body: AsyncIterable<unknown>,
) {
  const { part, state, start } = piece;
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<unknown>;
    try {
      next = await chunks.next();
    } catch (error) {
      context.signal.throwIfAborted();
      throw asAddressFailure(error, context.limits);
    }
    if (next.done === true) return;
    context.signal.throwIfAborted();
    const data = next.value as Buffer;
    if (state.done + data.length > part.size) {
      throw new AddressFailure(`more than ${part.size} bytes were received`, { retryable: true });
    }
    await partial.append(state, start, data);
    onBytes();
  }
}

/** Receives the rest of a part, and checks it. */
async function attempt(receiving: Receiving, piece: Piece): Promise<void> {
  const { store, partial } = receiving;
  const { part, state } = piece;
  if (state.done < part.size || part.size === 0) {
    const from = state.done;
    const ifRange = state.etag;
    const opened = await store.open(part.asset, { from, ifRange, total: part.size });
    try {
      // The server has another version, or no ranges.
      if (opened.from !== from) await partial.restart(state);
      state.etag = rangeValidator(opened);
      await readBody(receiving, piece, opened.body);
    } finally {
      opened.body.on("error", () => {});
      opened.body.destroy();
    }
  }
  if (state.done < part.size) {
    const message = `the connection was closed at ${state.done} of ${part.size} bytes`;
    throw new AddressFailure(message, { retryable: true });
  }
  const found = state.hash.copy().digest("hex");
  if (part.sha256 === undefined || found === part.sha256) return;
  await partial.restart(state);
  throw new WrongPart(part.asset.name, part.sha256, found);
}

/** Failure of a part with the wrong content. */
class WrongPart extends AddressFailure {
  readonly expected: string;
  readonly found: string;

  constructor(name: string, expected: string, found: string) {
    super(`${name} has the wrong sha256`, { retryable: false });
    this.expected = expected;
    this.found = found;
  }
}

async function receivePart(receiving: Receiving, piece: Piece): Promise<void> {
  const { context, store } = receiving;
  const { part, state } = piece;
  let furthest = state.done;
  // What an earlier download has left may be damaged, so that one wrong content is not the last word.
  let isMixed = state.done > 0;
  for (;;) {
    try {
      return await retrying(
        {
          label: `Downloading ${part.asset.name}`,
          attempt: () => attempt(receiving, piece),
          advanced: () => {
            const isNewGround = state.done >= furthest + NEW_GROUND_BYTES;
            furthest = Math.max(furthest, state.done);
            return isNewGround;
          },
        },
        context,
      );
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof WrongPart && isMixed) {
        isMixed = false;
        const message = `${part.asset.name}: the partial download is discarded, because it does not match`;
        context.emit({ type: "note", message });
        continue;
      }
      throw partError(part, store, error);
    }
  }
}

function partError(part: RemotePart, store: ReleaseStore, error: unknown): unknown {
  const from = `${part.asset.name} of ${store.address}`;
  if (error instanceof WrongPart) {
    return new VmbuildError("INPUT_CHECKSUM", `${from} has the wrong sha256`, {
      lines: [`expected: ${error.expected}`, `found:    ${error.found}`],
      hint: "The content in the release was altered, or is being replaced: upload it again, or try later.",
    });
  }
  if (!(error instanceof AddressFailure)) return error;
  const { hint, status } = error;
  return new VmbuildError("INPUT_DOWNLOAD", `Could not download ${from}: ${messageOf(error)}`, {
    ...{ cause: error, hint },
    details: status === undefined ? {} : { status },
  });
}

/**
 * Receives what is missing of all parts.
 * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_CHECKSUM; the reason of the signal.
 */
export async function receiveParts(receiving: Receiving): Promise<void> {
  const { image, partial, store } = receiving;
  let start = 0;
  const pieces = image.parts.flatMap((part, index): Piece[] => {
    const state = partial.parts[index];
    const place = start;
    start += part.size;
    return state ? [{ part, state, start: place }] : [];
  });
  await inParallel(pieces, store.parallel, (piece) => receivePart(receiving, piece));
}
