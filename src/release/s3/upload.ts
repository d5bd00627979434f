/** Uploads one object under the name of an upload: in chunks, of which those that are there are kept. */
import { createHash } from "node:crypto";
import { VmbuildError } from "../../errors.js";
import { ReleaseChanged } from "../store.js";
import type { Content, OnSent } from "../store.js";
import { isStatus } from "./bucket.js";
import type { Bucket } from "./bucket.js";

/** Size of a chunk in bytes. S3 requires at least 5 MiB, and at most 10,000 chunks. */
export const CHUNK_BYTES = 8 * 2 ** 20;
const MAX_CHUNKS = 10_000;

interface Chunk {
  readonly number: number;
  readonly etag: string;
}

interface Multipart {
  readonly uploadId: string;
  /** Chunks that are there already, by their numbers. */
  readonly chunks: ReadonlyMap<number, { readonly etag: string; readonly size: number }>;
}

async function readAll(content: Content, start: number, end: number): Promise<Buffer> {
  const data = Buffer.allocUnsafe(end - start);
  let done = 0;
  for await (const chunk of content.read(start, end)) done += (chunk as Buffer).copy(data, done);
  return data.subarray(0, done);
}

/** Sends small content with one request. */
async function put(bucket: Bucket, name: string, content: Content, onSent: OnSent): Promise<void> {
  const { library, client } = bucket;
  const body = await readAll(content, 0, content.size);
  const input = { ...bucket.at(name), Body: body, ...bucket.metadata(content.sha256) };
  await bucket.request(`Cannot upload ${content.name}`, (abortSignal) =>
    client.send(new library.PutObjectCommand(input), { abortSignal }),
  );
  onSent(content.size);
}

/** Finds an unfinished upload of that name, with its chunks. */
async function findMultipart(bucket: Bucket, name: string): Promise<Multipart | undefined> {
  const { library, client } = bucket;
  const { Bucket: bucketName, Key } = bucket.at(name);
  const listed = await bucket.request(`Cannot list uploads of ${bucket.address(name)}`, (signal) =>
    client.send(new library.ListMultipartUploadsCommand({ Bucket: bucketName, Prefix: Key }), {
      abortSignal: signal,
    }),
  );
  const uploadId = (listed.Uploads ?? []).find((upload) => upload.Key === Key)?.UploadId;
  if (uploadId === undefined) return undefined;
  try {
    return { uploadId, chunks: await listChunks(bucket, name, uploadId) };
  } catch (error) {
    // It was completed or ended just now.
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

async function listChunks(bucket: Bucket, name: string, uploadId: string) {
  const { library, client } = bucket;
  const chunks = new Map<number, { etag: string; size: number }>();
  let marker: string | undefined;
  do {
    const input = { ...bucket.at(name), UploadId: uploadId, PartNumberMarker: marker };
    const page = await bucket.request(`Cannot list chunks of ${bucket.address(name)}`, (signal) =>
      client.send(new library.ListPartsCommand(input), { abortSignal: signal }),
    );
    for (const { PartNumber, ETag, Size } of page.Parts ?? []) {
      if (PartNumber === undefined) continue;
      chunks.set(PartNumber, { etag: ETag ?? "", size: Size ?? 0 });
    }
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return chunks;
}

async function createMultipart(bucket: Bucket, name: string, content: Content): Promise<Multipart> {
  const input = { ...bucket.at(name), ...bucket.metadata(content.sha256) };
  const { UploadId } = await bucket.request(`Cannot upload ${content.name}`, (abortSignal) =>
    bucket.client.send(new bucket.library.CreateMultipartUploadCommand(input), { abortSignal }),
  );
  if (UploadId !== undefined) return { uploadId: UploadId, chunks: new Map() };
  throw new VmbuildError("RELEASE_FAILED", `${bucket.address(name)}: the server began no upload`);
}

/** What the chunks of one object have in common. */
interface ChunkUpload extends Multipart {
  readonly bucket: Bucket;
  readonly name: string;
  readonly content: Content;
}

/** Sends a chunk, unless it is there with the same MD5, which is its ETag without encryption. */
async function sendChunk(upload: ChunkUpload, number: number, data: Buffer): Promise<Chunk> {
  const { bucket, name, uploadId, chunks, content } = upload;
  const md5 = createHash("md5").update(data).digest();
  const there = chunks.get(number);
  if (there?.size === data.length && there.etag.replaceAll('"', "") === md5.toString("hex")) {
    return { number, etag: there.etag };
  }
  const input = {
    ...bucket.at(name),
    ...{ UploadId: uploadId, PartNumber: number, Body: data },
    ContentMD5: md5.toString("base64"),
  };
  const doing = `Cannot upload ${content.name}`;
  const { ETag } = await bucket.request(doing, (abortSignal) =>
    bucket.client.send(new bucket.library.UploadPartCommand(input), { abortSignal }),
  );
  return { number, etag: ETag ?? "" };
}

/** Sends all chunks in order, one after the other; several objects are sent at once. */
async function sendChunks(upload: ChunkUpload, chunkBytes: number, onSent: OnSent) {
  const { content } = upload;
  const whole = createHash("sha256");
  const chunks: Chunk[] = [];
  for (let start = 0; start < content.size; start += chunkBytes) {
    upload.bucket.context.signal.throwIfAborted();
    const data = await readAll(content, start, Math.min(content.size, start + chunkBytes));
    whole.update(data);
    chunks.push(await sendChunk(upload, chunks.length + 1, data));
    onSent(data.length);
  }
  if (whole.digest("hex") !== content.sha256) {
    throw new VmbuildError("ARTIFACT_INVALID", `${content.name} was changed while it was uploaded`);
  }
  return chunks;
}

/**
 * Uploads content to an object of that name, unless it is there. An upload that was cut is
 * continued.
 * @param chunkBytes size of a chunk.
 */
export async function uploadObject(
  upload: { readonly bucket: Bucket; readonly name: string; readonly content: Content },
  chunkBytes: number,
  onSent: OnSent,
): Promise<void> {
  const { bucket, name, content } = upload;
  const there = await bucket.head(name);
  if (there?.size === content.size && there.sha256 === content.sha256) {
    onSent(content.size);
    return;
  }
  if (content.size <= chunkBytes) {
    await put(bucket, name, content, onSent);
    return;
  }
  const size = Math.max(chunkBytes, Math.ceil(content.size / MAX_CHUNKS));
  try {
    const multipart =
      (await findMultipart(bucket, name)) ?? (await createMultipart(bucket, name, content));
    const chunks = await sendChunks({ ...upload, ...multipart }, size, onSent);
    await complete({ ...upload, ...multipart }, chunks);
  } catch (error) {
    // Another upload of the same content has completed it, or an answer was lost.
    if (!isStatus(error, 404)) throw error;
  }
  const made = await bucket.head(name);
  // Another upload of the same content has given it its name.
  if (!made) throw new ReleaseChanged(content.name);
  if (made.size === content.size && made.sha256 === content.sha256) return;
  throw new VmbuildError(
    "RELEASE_FAILED",
    `${bucket.address(name)} has ${made.size} bytes after the upload of ${content.size}`,
    { hint: "Run the command again." },
  );
}

async function complete(
  { bucket, name, content, uploadId }: ChunkUpload,
  chunks: readonly Chunk[],
) {
  const { library, client } = bucket;
  const Parts = chunks.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
  const input = { ...bucket.at(name), UploadId: uploadId, MultipartUpload: { Parts } };
  await bucket.request(`Cannot complete ${content.name}`, (abortSignal) =>
    client.send(new library.CompleteMultipartUploadCommand(input), { abortSignal }),
  );
}

/** Ends unfinished uploads of a release that began before a time. */
export async function abortOldUploads(bucket: Bucket, prefix: string, before: number) {
  const { library, client } = bucket;
  const { Bucket: bucketName, Key: Prefix } = bucket.at(prefix);
  const { Uploads = [] } = await bucket.request("Cannot list unfinished uploads", (abortSignal) =>
    client.send(new library.ListMultipartUploadsCommand({ Bucket: bucketName, Prefix }), {
      abortSignal,
    }),
  );
  for (const { Key, UploadId, Initiated } of Uploads) {
    if (Key === undefined || UploadId === undefined) continue;
    if ((Initiated?.getTime() ?? Infinity) >= before) continue;
    const input = { Bucket: bucketName, Key, UploadId };
    await bucket.request(`Cannot end the unfinished upload of ${Key}`, (abortSignal) =>
      client.send(new library.AbortMultipartUploadCommand(input), { abortSignal }),
    );
  }
}
