/** Defines the interface of a store of releases. A release is a tag with assets, which are files. */
import type { Readable } from "node:stream";
import type { Emit } from "../events/types.js";
import type { FullContext } from "../inputs/context.js";
import type { OpenedSource, OpenRequest } from "../inputs/opened-source.js";

/** Asset of a release. */
export interface StoredAsset {
  /** Identifies the asset and its content in the store, as long as it is not replaced. */
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Time of the upload, in ISO 8601; undefined where the store does not know it. */
  readonly created?: string | undefined;
  /** Public address; undefined where it has none. */
  readonly url?: string | undefined;
}

/** Content to upload, which can be read several times. */
export interface Content {
  /** Name that the asset gets. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** Reads the bytes from `start` up to, but not including, `end`. */
  read(start: number, end: number): Readable;
}

/** Content that is complete in the store, without its name. */
export interface Staged {
  readonly name: string;
  /** Identifies it in the store. */
  readonly id: string;
}

/** Change of an image's assets. */
export interface Change {
  readonly image: string;
  /** Assets that get their names. */
  readonly add: readonly Staged[];
  /** Assets that stay. */
  readonly keep: readonly StoredAsset[];
}

/** Reports bytes that were sent. */
export type OnSent = (bytes: number) => void;

/**
 * Store of one release. Methods throw VmbuildErrors: RELEASE_FAILED with the reason, or the reason of
 * the signal. Failures that may pass are retried, with a note for each.
 */
export interface ReleaseStore extends AsyncDisposable {
  /** Release as users write it, for messages. */
  readonly address: string;
  /** Uploads and downloads at once. */
  readonly parallel: number;
  /** Returns the complete assets of the release; undefined when there is no such release. */
  list(): Promise<readonly StoredAsset[] | undefined>;
  /** Returns the sha256 of an asset in hexadecimal; undefined where the store does not know it. */
  digest(asset: StoredAsset): Promise<string | undefined>;
  /**
   * Opens an asset, or the rest of one.
   * @throws {AddressFailure} which says whether another attempt may succeed.
   */
  open(asset: StoredAsset, wanted: OpenRequest): Promise<OpenedSource>;
  /** Creates the release if there is none. */
  prepare(): Promise<void>;
  /**
   * Uploads content without giving it its name. Where the store keeps what an earlier upload has
   * sent, that is not sent again.
   */
  stage(content: Content, onSent: OnSent): Promise<Staged>;
  /**
   * Gives staged content its names, and removes all other assets of the image. One change of an
   * image at a time is made; others wait.
   * @throws {ReleaseChanged} when assets that were to stay were replaced meanwhile.
   */
  commit(change: Change): Promise<void>;
  /** Removes staged content that is given up, unless a later upload can go on with it. */
  discard(staged: readonly Staged[]): Promise<void>;
}

/** Thrown when another upload has changed the release, so that the work begins again. */
export class ReleaseChanged extends Error {
  override readonly name = "ReleaseChanged";
}

/** Where a store reports to, and what ends its work. */
export interface StoreContext extends FullContext {
  readonly tag: string;
  /** Whether a release that is created is marked as a prerelease. */
  readonly prerelease: boolean;
}

/** What users of stores give; the rest has defaults. */
export interface ReleaseContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly clock?: FullContext["clock"];
  readonly limits?: Partial<FullContext["limits"]>;
}

/** Kind of store. */
export interface StoreKind {
  /** Form of its addresses, for messages. */
  readonly form: string;
  /** Returns whether an address has this kind's form. */
  matches(address: string): boolean;
  /**
   * Opens the store. Nothing is requested yet.
   * @throws {VmbuildError} USAGE when the address is malformed.
   */
  open(address: string, context: StoreContext): Promise<ReleaseStore>;
}
