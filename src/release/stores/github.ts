/** Keeps releases on GitHub: `github:OWNER/REPO`. */
import type { Dispatcher } from "undici";
import { VmbuildError, messageOf } from "../../errors.js";
import { createAgent } from "../../inputs/agent.js";
import { AddressFailure } from "../../inputs/failure.js";
import { openHttp } from "../../inputs/http.js";
import type { OpenedSource, OpenRequest } from "../../inputs/opened-source.js";
import { GithubApi } from "../github/api.js";
import { Releases, digestOf } from "../github/assets.js";
import type { GithubAsset, Place, Release } from "../github/assets.js";
import { connectGithub, githubSettings } from "../github/connect.js";
import type { GithubSettings } from "../github/connect.js";
import { lockImage } from "../github/lock.js";
import { replaceAssets } from "../github/replace.js";
import { postAsset, uploadContent } from "../github/upload.js";
import { isInternal } from "../names.js";
import type { Change, Content, OnSent, ReleaseStore, Staged } from "../store.js";
import type { StoreContext, StoreKind, StoredAsset } from "../store.js";

interface Parts {
  readonly place: Place;
  readonly settings: GithubSettings;
  readonly agent: Dispatcher;
  readonly api: GithubApi;
  readonly context: StoreContext;
}

/** Release of a repository. */
class GithubStore implements ReleaseStore {
  readonly address: string;
  readonly parallel = 4;
  readonly #parts: Parts;
  readonly #releases: Releases;
  readonly #digests = new Map<string, string | undefined>();
  #release: Release | undefined;

  constructor(parts: Parts) {
    const { owner, repo, tag } = parts.place;
    this.#parts = parts;
    this.#releases = new Releases(parts.api, parts.place);
    this.address = `github:${owner}/${repo} (${tag})`;
  }

  async list(): Promise<readonly StoredAsset[] | undefined> {
    const release = await this.#releases.find();
    this.#release = release;
    if (!release) return undefined;
    const { assets } = await this.#releases.assets(release);
    return assets
      .filter(({ state, name }) => state === "uploaded" && !isInternal(name))
      .map((asset) => this.#stored(asset));
  }

  #stored(asset: GithubAsset): StoredAsset {
    const { name, size, created_at: created, browser_download_url: url } = asset;
    const id = String(asset.id);
    this.#digests.set(id, digestOf(asset));
    return { id, name, size, created, url };
  }

  async digest({ id }: StoredAsset): Promise<string | undefined> {
    return this.#digests.get(id);
  }

  async open({ id, url }: StoredAsset, wanted: OpenRequest): Promise<OpenedSource> {
    const { place, settings, agent, context } = this.#parts;
    const { apiUrl, token } = settings;
    // The API serves private repositories too, but counts against the rate limit.
    const opened =
      token === undefined && url !== undefined
        ? await openHttp(url, wanted, { agent, ...context })
        : await openHttp(
            `${apiUrl}/repos/${place.owner}/${place.repo}/releases/assets/${id}`,
            {
              ...wanted,
              accept: "application/octet-stream",
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            },
            { agent, ...context },
          );
    if (opened !== "unchanged") return opened;
    throw new AddressFailure("the server answered 304 to a request without a condition", {
      retryable: false,
    });
  }

  async prepare(): Promise<void> {
    this.#release ??= await this.#releases.find();
    this.#release ??= await this.#releases.create(this.#parts.context.prerelease);
  }

  async #upload() {
    await this.prepare();
    const release = this.#release;
    if (!release) throw new VmbuildError("DEFECT", "the release was not created");
    return { api: this.#parts.api, releases: this.#releases, release };
  }

  async stage(content: Content, onSent: OnSent): Promise<Staged> {
    const { id } = await uploadContent(await this.#upload(), content, onSent);
    return { name: content.name, id: String(id) };
  }

  async commit(change: Change): Promise<void> {
    const { context } = this.#parts;
    const { release } = await this.#upload();
    const create = (name: string, label: string) => this.#createText(name, label);
    // Once the names change, they all do: a cancellation waits.
    const releases = this.#releases.withSignal(new AbortController().signal);
    const held = await lockImage(change.image, { releases, release, create, context });
    try {
      context.signal.throwIfAborted();
      const { assets } = await releases.assets(release);
      await replaceAssets(releases, change, assets);
    } finally {
      await held.release().catch((error: unknown) => this.#warn(error));
    }
  }

  #warn(error: unknown): void {
    const message = `The lock could not be removed: ${messageOf(error)}`;
    this.#parts.context.emit({ type: "warning", message });
  }

  /** Creates a small asset; returns undefined when its name is taken. */
  async #createText(name: string, label: string): Promise<GithubAsset | undefined> {
    const { api } = this.#parts;
    const options = await this.#upload();
    const body = Buffer.from(`${label}\n`);
    return api.retry(`Cannot create ${name} on ${this.address}`, async () => {
      try {
        return await postAsset(options, { name, label, size: body.length, body });
      } catch (error) {
        if (error instanceof AddressFailure && error.status === 422) return undefined;
        throw error;
      }
    });
  }

  /** Keeps them: the next upload goes on with them, or removes them after a day. */
  async discard(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.agent.destroy();
  }
}

const ADDRESS = /^github:([A-Za-z0-9][A-Za-z0-9-]*)\/([A-Za-z0-9._-]+)$/;

/** Releases of a repository on GitHub or GitHub Enterprise. */
export const github: StoreKind = {
  form: "github:OWNER/REPO",
  matches: (address) => address.startsWith("github:"),
  async open(address, context) {
    const [, owner, repo] = ADDRESS.exec(address) ?? [];
    if (owner === undefined || repo === undefined) {
      throw new VmbuildError(
        "USAGE",
        `--store ${address} does not have the form github:OWNER/REPO`,
      );
    }
    const settings = githubSettings(process.env);
    const agent = await createAgent();
    const octokit = await connectGithub(settings, agent);
    const api = new GithubApi(octokit, context, settings.token !== undefined);
    const place = { owner, repo, tag: context.tag };
    return new GithubStore({ place, settings, agent, api, context });
  },
};
