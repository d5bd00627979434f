/** Defines the interface of a place to which images are published. Each kind is a folder or a file. */

/** Facts about a file of a store. Times are milliseconds since the epoch. */
export interface StoredFile {
  readonly isFolder: boolean;
  /** Bytes. */
  readonly size: number;
  readonly modified: number;
}

/** Reports bytes that are done of a total. */
export type OnBytes = (done: number, total: number) => void;

/** File of this host that is written to a store. */
export interface Upload {
  /** Absolute. */
  readonly source: string;
  /** Bytes. */
  readonly size: number;
  readonly onBytes: OnBytes;
}

/**
 * Place with files, such as a folder of this host or of another. Every method throws a VmbuildError:
 * PUBLISH_FAILED with the reason, ARTIFACT_SPACE for a full disk, or the reason of the signal.
 */
export interface Store extends AsyncDisposable {
  /** Returns a path as users write it, for messages. */
  address(path: string): string;
  /** Returns the facts of a file, or undefined when it does not exist. */
  stat(path: string): Promise<StoredFile | undefined>;
  /** Returns the names in a folder. */
  list(folder: string): Promise<string[]>;
  /** Returns the sha256 of a file in hexadecimal, computed from its content now. */
  digest(path: string, onBytes: OnBytes): Promise<string>;
  /** Returns a small file as text, or undefined when it does not exist. */
  readText(path: string): Promise<string | undefined>;
  /** Creates a file that must not exist, and flushes it to disk. */
  write(path: string, upload: Upload): Promise<void>;
  /** Creates a small file that must not exist, and flushes it to disk. */
  writeText(path: string, text: string): Promise<void>;
  /** Renames a file, which replaces another of that name at once. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, which may not exist. */
  remove(path: string): Promise<void>;
  /** Returns the free bytes in a folder; undefined where they are not known. */
  freeSpace(folder: string): Promise<number | undefined>;
  /**
   * Waits until no other process publishes to a folder. The lock ends with this process. Undefined
   * where the store has no locks.
   * @param onWait called once when another process holds the lock.
   */
  lock(folder: string, onWait: () => void): Promise<AsyncDisposable | undefined>;
}

/** Opens a store. */
export interface StoreContext {
  /** Private key that the user names, in place of those of the account. */
  readonly identity?: string | undefined;
  readonly signal: AbortSignal;
  /** Reports what a user may want to know, such as a connection that was opened again. */
  readonly note: (message: string) => void;
}

/** Kind of store. */
export interface StoreKind {
  /** Returns whether a target has this kind's form. */
  matches(target: string): boolean;
  /**
   * Returns the path of a target, and how to open its store.
   * @throws {VmbuildError} USAGE when the target is malformed.
   */
  parse(target: string): ParsedTarget;
}

/** Target of a publication. */
export interface ParsedTarget {
  /** Path in the store: a folder, when it ends in a slash or is one. */
  readonly path: string;
  open(context: StoreContext): Promise<Store>;
}
