/** Keeps releases in S3: `s3://BUCKET/PREFIX`, as the objects `PREFIX/TAG/ASSET`. */
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { VmbuildError, messageOf } from "../../errors.js";
import { createAgent } from "../../inputs/agent.js";
import { AddressFailure } from "../../inputs/failure.js";
import type { OpenedSource, OpenRequest } from "../../inputs/opened-source.js";
import { belongsTo, indexLast, isInternal, stagingKey } from "../names.js";
import { REMAINS_MAX_AGE_MS } from "../owner.js";
import { sameAsset } from "../same.js";
import { Bucket, isStatus } from "../s3/bucket.js";
import type { ListedObject } from "../s3/bucket.js";
import { connectS3 } from "../s3/connect.js";
import { s3Failure } from "../s3/failure.js";
import { lockObject } from "../s3/lock.js";
import { deleteRetired, replaceObjects } from "../s3/replace.js";
import { CHUNK_BYTES, abortOldUploads, uploadObject } from "../s3/upload.js";
import { ReleaseChanged } from "../store.js";
import type { Change, Content, OnSent, ReleaseStore, Staged } from "../store.js";
import type { StoreContext, StoreKind, StoredAsset } from "../store.js";

const STAGED_PREFIX = "upload-";

const stored = ({ name, size, etag, modified }: ListedObject): StoredAsset => ({
  ...{ id: etag, name, size },
  created: modified?.toISOString(),
});

/** Release in a bucket. */
class S3Store implements ReleaseStore {
  readonly address: string;
  // Each upload has a chunk in memory.
  readonly parallel = 3;
  readonly #bucket: Bucket;
  readonly #agent: Dispatcher;

  constructor(bucket: Bucket, agent: Dispatcher) {
    this.#bucket = bucket;
    this.#agent = agent;
    this.address = bucket.address("");
  }

  async list(): Promise<readonly StoredAsset[] | undefined> {
    const objects = await this.#bucket.list();
    const assets = objects.filter(({ name }) => !isInternal(name)).map(stored);
    return assets.length === 0 ? undefined : assets;
  }

  async digest({ name, id }: StoredAsset): Promise<string | undefined> {
    const facts = await this.#bucket.head(name);
    return facts?.etag === id ? facts.sha256 : undefined;
  }

  async open({ name, id, size }: StoredAsset, { from }: OpenRequest): Promise<OpenedSource> {
    const { library, client, context } = this.#bucket;
    const range = from > 0 ? { Range: `bytes=${from}-` } : {};
    const input = { ...this.#bucket.at(name), IfMatch: id, ...range };
    try {
      const { Body, ContentRange } = await client.send(new library.GetObjectCommand(input), {
        abortSignal: context.signal,
      });
      if (!Body) throw new AddressFailure("the server sent no content", { retryable: true });
      const start = ContentRange === undefined ? 0 : from;
      return { from: start, total: size, etag: id, body: Body as Readable };
    } catch (error) {
      context.signal.throwIfAborted();
      throw s3Failure(error, context);
    }
  }

  async prepare(): Promise<void> {}

  async stage(content: Content, onSent: OnSent): Promise<Staged> {
    const { name, sha256 } = content;
    const id = `${STAGED_PREFIX}${stagingKey(name, sha256)}.tmp`;
    await uploadObject({ bucket: this.#bucket, name: id, content }, CHUNK_BYTES, onSent);
    return { name, id };
  }

  async commit(change: Change): Promise<void> {
    const { signal, emit } = this.#bucket.context;
    // Once objects change, they all do: a cancellation waits.
    const bucket = this.#bucket.withSignal(new AbortController().signal);
    const held = await lockObject(bucket, change.image, signal);
    try {
      signal.throwIfAborted();
      await this.#apply(change, bucket);
    } finally {
      await held.release().catch((error: unknown) => {
        emit({ type: "warning", message: `The lock could not be removed: ${messageOf(error)}` });
      });
    }
  }

  async #apply({ image, add, keep }: Change, bucket: Bucket): Promise<void> {
    const objects = await bucket.list();
    const there = objects.map(stored);
    const isKept = keep.every((asset) => there.some((other) => sameAsset(asset, other)));
    const isStaged = add.every(({ id }) => there.some(({ name }) => name === id));
    if (!isKept || !isStaged) throw new ReleaseChanged(image);
    const staying = new Set(keep.map(({ name }) => name));
    // What is replaced goes first, so that no reader finds a mixture. What replaces it is complete
    // in the bucket.
    const old = there.filter(({ name }) => belongsTo(image, name) && !staying.has(name));
    const remove = indexLast(image, old);
    await replaceObjects(bucket, { image, remove, add: indexLast(image, add).toReversed() });
    await deleteRetired(bucket, image);
    await this.#removeRemains(objects, bucket);
  }

  /** Removes uploads that were given up more than a day ago. */
  async #removeRemains(objects: readonly ListedObject[], bucket: Bucket): Promise<void> {
    const before = bucket.context.clock.now() - REMAINS_MAX_AGE_MS;
    for (const { name, modified } of objects) {
      if (!name.startsWith(STAGED_PREFIX) || !isInternal(name)) continue;
      if ((modified?.getTime() ?? Infinity) < before) await bucket.delete(name);
    }
    try {
      await abortOldUploads(bucket, STAGED_PREFIX, before);
    } catch (error) {
      // The right to list unfinished uploads is not needed for the rest.
      if (!isStatus(error, 403)) throw error;
    }
  }

  /** Keeps them: the next upload goes on with them, or removes them after a day. */
  async discard(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9._-]+)(?:\/(.*))?$/i;

/** Buckets of Amazon's S3 and of servers that are compatible with it. */
export const s3: StoreKind = {
  form: "s3://BUCKET/PREFIX",
  matches: (address) => address.startsWith("s3:"),
  async open(address: string, context: StoreContext) {
    const [, bucket, path = ""] = ADDRESS.exec(address) ?? [];
    if (bucket === undefined) {
      throw new VmbuildError(
        "USAGE",
        `--store ${address} does not have the form s3://BUCKET/PREFIX`,
      );
    }
    const agent = await createAgent();
    const [client, library] = await Promise.all([
      connectS3(agent, process.env),
      import("@aws-sdk/client-s3"),
    ]);
    const folder = path.replace(/\/+$/, "");
    const prefix = `${folder === "" ? "" : `${folder}/`}${context.tag}/`;
    return new S3Store(new Bucket({ library, client, bucket, prefix, context }), agent);
  },
};
