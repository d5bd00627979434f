/** Makes requests about the objects of one release in a bucket, and repeats them where that may help. */
import type * as S3Module from "@aws-sdk/client-s3";
import type { S3Client } from "@aws-sdk/client-s3";
import { AddressFailure } from "../../inputs/failure.js";
import type { StoreContext } from "../store.js";
import { requesting } from "../errors.js";
import { VmbuildError } from "../../errors.js";
import { s3Failure } from "./failure.js";

/** Functions and commands of the library, which is imported on demand. */
export type S3Library = typeof S3Module;

/** Name of the metadata with an object's sha256. */
const DIGEST_KEY = "sha256";

/** Facts about an object. */
export interface ObjectFacts {
  readonly size: number;
  readonly etag: string;
  readonly sha256: string | undefined;
  readonly modified: Date | undefined;
}

/** Object in a listing. */
export interface ListedObject {
  /** Name without the prefix of the release. */
  readonly name: string;
  readonly size: number;
  readonly etag: string;
  readonly modified: Date | undefined;
}

/** What a bucket needs. */
export interface BucketOptions {
  readonly library: S3Library;
  readonly client: S3Client;
  readonly bucket: string;
  /** Ends in a slash. */
  readonly prefix: string;
  readonly context: StoreContext;
}

/** Objects of one release. Names are relative to its prefix. */
export class Bucket {
  readonly library: S3Library;
  readonly client: S3Client;
  readonly #options: BucketOptions;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.library = options.library;
    this.client = options.client;
  }

  /** Returns the same bucket, whose requests another signal ends. */
  withSignal(signal: AbortSignal): Bucket {
    return new Bucket({ ...this.#options, context: { ...this.#options.context, signal } });
  }

  get context(): StoreContext {
    return this.#options.context;
  }

  /** Returns the fields that name an object in a request. */
  at(name: string): { readonly Bucket: string; readonly Key: string } {
    const { bucket, prefix } = this.#options;
    return { Bucket: bucket, Key: `${prefix}${name}` };
  }

  /** Returns the address of an object for people. */
  address(name: string): string {
    const { bucket, prefix } = this.#options;
    return `s3://${bucket}/${prefix}${name}`;
  }

  /**
   * Makes a request, and repeats it where that may help.
   * @throws {VmbuildError} RELEASE_FAILED with the status in its details; the reason of the signal.
   */
  async request<T>(doing: string, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { context } = this.#options;
    const attempt = async (): Promise<T> => {
      try {
        return await send(context.signal);
      } catch (error) {
        context.signal.throwIfAborted();
        if (error instanceof VmbuildError) throw error;
        throw s3Failure(error, context);
      }
    };
    return requesting({ doing, attempt }, context);
  }

  /** Lists the objects of the release. */
  async list(): Promise<ListedObject[]> {
    const { bucket, prefix } = this.#options;
    const found: ListedObject[] = [];
    let token: string | undefined;
    do {
      const page = { Bucket: bucket, Prefix: prefix, Delimiter: "/", ContinuationToken: token };
      const response = await this.request(`Cannot list ${this.address("")}`, (abortSignal) =>
        this.client.send(new this.library.ListObjectsV2Command(page), { abortSignal }),
      );
      for (const { Key, Size, ETag, LastModified } of response.Contents ?? []) {
        const name = (Key ?? "").slice(prefix.length);
        if (name === "") continue;
        found.push({ name, size: Size ?? 0, etag: ETag ?? "", modified: LastModified });
      }
      token = response.NextContinuationToken;
    } while (token !== undefined);
    return found;
  }

  /** Returns the facts of an object; undefined when it does not exist. */
  async head(name: string): Promise<ObjectFacts | undefined> {
    try {
      const response = await this.request(`Cannot examine ${this.address(name)}`, (abortSignal) =>
        this.client.send(new this.library.HeadObjectCommand(this.at(name)), { abortSignal }),
      );
      const { ContentLength, ETag, Metadata, LastModified } = response;
      const sha256 = Metadata?.[DIGEST_KEY];
      return { size: ContentLength ?? 0, etag: ETag ?? "", sha256, modified: LastModified };
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Returns the fields that record an object's digest. */
  metadata(sha256: string): { readonly Metadata: Record<string, string> } {
    return { Metadata: { [DIGEST_KEY]: sha256 } };
  }

  /** Copies an object inside the release, with its metadata. */
  async copy(from: string, to: string): Promise<void> {
    const { Bucket: bucket, Key: key } = this.at(from);
    const source = `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
    const input = { ...this.at(to), CopySource: source };
    await this.request(`Cannot copy to ${this.address(to)}`, (abortSignal) =>
      this.client.send(new this.library.CopyObjectCommand(input), { abortSignal }),
    );
  }

  /** Deletes an object, which may be gone already. */
  async delete(name: string): Promise<void> {
    await this.request(`Cannot delete ${this.address(name)}`, (abortSignal) =>
      this.client.send(new this.library.DeleteObjectCommand(this.at(name)), { abortSignal }),
    );
  }
}

/** Returns whether a request failed because of a response with one of these statuses. */
export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  const status: unknown =
    error instanceof AddressFailure
      ? error.status
      : error instanceof VmbuildError
        ? error.details["status"]
        : undefined;
  return typeof status === "number" && statuses.includes(status);
}
