/** Uploads one asset to GitHub under the name of an upload. */
import { Readable } from "node:stream";
import { AddressFailure } from "../../inputs/failure.js";
import { parseStagedName, stagedName, stagingKey, thisOwner } from "../names.js";
import { REMAINS_MAX_AGE_MS, hasEnded } from "../owner.js";
import type { Content, OnSent } from "../store.js";
import type { GithubApi } from "./api.js";
import { digestOf, parseAsset } from "./assets.js";
import type { AssetList, GithubAsset, Release, Releases } from "./assets.js";

/** What an upload needs. */
export interface UploadOptions {
  readonly api: GithubApi;
  readonly releases: Releases;
  readonly release: Release;
}

/** New asset. */
export interface NewAsset {
  readonly name: string;
  readonly label?: string;
  readonly size: number;
  readonly body: Readable | Buffer;
}

/**
 * Sends an asset once.
 * @throws {AddressFailure} status 422 when the name is taken.
 */
export async function postAsset(
  { api, release }: UploadOptions,
  { name, label, size, body }: NewAsset,
): Promise<GithubAsset> {
  // `upload_url` is a template: …/assets{?name,label}
  const response = await api.once({
    route: `POST ${release.upload_url}`,
    params: {
      name,
      ...(label === undefined ? {} : { label }),
      headers: { "content-type": "application/octet-stream", "content-length": size },
      data: body,
    },
  });
  return parseAsset(response);
}

/** Returns whether a complete asset has this content, as far as GitHub says. */
function hasContent(asset: GithubAsset, content: Content): boolean {
  const digest = digestOf(asset) ?? content.sha256;
  return asset.state === "uploaded" && asset.size === content.size && digest === content.sha256;
}

/** Counts the bytes that are read, and takes them back when the attempt fails. */
class SentBytes {
  #sent = 0;
  readonly #onSent: OnSent;

  constructor(onSent: OnSent) {
    this.#onSent = onSent;
  }

  async *count(source: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      const data = chunk as Buffer;
      this.#sent += data.length;
      this.#onSent(data.length);
      yield data;
    }
  }

  takeBack(): void {
    this.#onSent(-this.#sent);
    this.#sent = 0;
  }
}

async function send(options: UploadOptions, name: string, content: Content, onSent: OnSent) {
  const sent = new SentBytes(onSent);
  const source = content.read(0, content.size);
  const problem: { error?: unknown } = {};
  source.on("error", (error) => (problem.error = error));
  try {
    const body = Readable.from(sent.count(source), { objectMode: false });
    const asset = await postAsset(options, { name, size: content.size, body });
    if (hasContent(asset, content)) return asset;
    await options.releases.delete(asset);
    throw new AddressFailure("GitHub has stored another content than was sent", {
      retryable: true,
    });
  } catch (error) {
    sent.takeBack();
    // A file that cannot be read, or was changed, is not GitHub's failure.
    throw problem.error ?? error;
  } finally {
    source.destroy();
  }
}

/** Removes what is left of uploads: of this content, and of others whose process has ended. */
async function removeRemains(
  { releases }: UploadOptions,
  { assets, now }: AssetList,
  name: string,
): Promise<void> {
  for (const asset of assets) {
    const staged = parseStagedName(asset.name);
    if (!staged) continue;
    const isOld = now - Date.parse(asset.created_at) > REMAINS_MAX_AGE_MS;
    const isCut = asset.state !== "uploaded" && hasEnded(staged.owner);
    if (asset.name === name || isOld || isCut) await releases.delete(asset);
  }
}

/**
 * Uploads content under the name of an upload. A complete asset with the same content, which an
 * earlier upload has left, is used. An attempt that was cut leaves an asset in the state `starter`,
 * which is deleted before the next one.
 */
export async function uploadContent(
  options: UploadOptions,
  content: Content,
  onSent: OnSent,
): Promise<GithubAsset> {
  const { api, releases, release } = options;
  const key = stagingKey(content.name, content.sha256);
  const name = stagedName(key, thisOwner());
  return api.retry(`Cannot upload ${content.name}`, async () => {
    const list = await releases.assets(release);
    const there = list.assets.find(
      (asset) => parseStagedName(asset.name)?.key === key && hasContent(asset, content),
    );
    if (there) {
      onSent(content.size);
      return there;
    }
    await removeRemains(options, list, name);
    return send(options, name, content, onSent);
  });
}
