/** Reads and changes a release and its assets through GitHub's API. */
import { z } from "zod";
import { VmbuildError } from "../../errors.js";
import type { ApiResponse, GithubApi } from "./api.js";

const releaseSchema = z.object({
  id: z.number(),
  upload_url: z.string(),
  prerelease: z.boolean().optional(),
});

/** Release of a repository. */
export type Release = z.infer<typeof releaseSchema>;

const assetSchema = z.object({
  id: z.number(),
  name: z.string(),
  label: z.string().nullish(),
  /** `starter` is an upload that is under way or was cut; its name is taken. */
  state: z.string(),
  size: z.number(),
  /** `sha256:…`; absent on servers before 2025. */
  digest: z.string().nullish(),
  created_at: z.string(),
  browser_download_url: z.string(),
});

/** Asset as GitHub describes it. */
export type GithubAsset = z.infer<typeof assetSchema>;

/** Assets of a release, and the server's time in milliseconds since the epoch. */
export interface AssetList {
  readonly assets: readonly GithubAsset[];
  readonly now: number;
}

/** Returns the sha256 of an asset in hexadecimal, where GitHub knows it. */
export function digestOf({ digest }: GithubAsset): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
}

function parse<T>(schema: z.ZodType<T>, { data }: ApiResponse, what: string): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new VmbuildError("RELEASE_FAILED", `GitHub's description of ${what} is not understood`, {
    hint: "Check GITHUB_API_URL, and proxies that may change responses.",
    cause: result.error,
  });
}

/** Parses the asset that a response describes. */
export function parseAsset(response: ApiResponse): GithubAsset {
  return parse(assetSchema, response, "an asset");
}

const PER_PAGE = 100;

/** Repository, and the tag of a release in it. */
export interface Place {
  readonly owner: string;
  readonly repo: string;
  readonly tag: string;
}

/** Requests about one release. */
export class Releases {
  readonly #api: GithubApi;
  readonly #place: Place;
  readonly #address: string;

  constructor(api: GithubApi, place: Place) {
    this.#api = api;
    this.#place = place;
    this.#address = `github:${place.owner}/${place.repo}`;
  }

  /** Returns the same requests, which another signal ends. */
  withSignal(signal: AbortSignal): Releases {
    return new Releases(this.#api.withSignal(signal), this.#place);
  }

  /**
   * Returns the release of the tag; undefined when the repository has none. It is read by its tag,
   * because `/releases/latest` leaves out prereleases.
   */
  async find(): Promise<Release | undefined> {
    const doing = `Cannot read the release ${this.#place.tag} of ${this.#address}`;
    const params = { ...this.#place };
    try {
      const route = "GET /repos/{owner}/{repo}/releases/tags/{tag}";
      return parse(releaseSchema, await this.#api.request({ doing, route, params }), "a release");
    } catch (error) {
      if (statusIn(error) !== 404) throw error;
      // The repository may not be visible either, which is an error.
      await this.#api.request({ doing, route: "GET /repos/{owner}/{repo}", params });
      return undefined;
    }
  }

  /** Creates the release and its tag, on the default branch; returns it when it exists. */
  async create(prerelease: boolean): Promise<Release> {
    const { tag, ...place } = this.#place;
    const doing = `Cannot create the release ${tag} of ${this.#address}`;
    const params = { ...place, tag_name: tag, name: tag, prerelease };
    const route = "POST /repos/{owner}/{repo}/releases";
    try {
      return parse(releaseSchema, await this.#api.request({ doing, route, params }), "a release");
    } catch (error) {
      // Another upload may have created it just now.
      const there = statusIn(error) === 422 ? await this.find() : undefined;
      if (there) return there;
      throw error;
    }
  }

  /** Lists all assets, those that are incomplete too. */
  async assets({ id }: Release): Promise<AssetList> {
    const { owner, repo } = this.#place;
    const doing = `Cannot list the assets of ${this.#address}`;
    const all: GithubAsset[] = [];
    for (let page = 1; ; page++) {
      const response = await this.#api.request({
        doing,
        route: "GET /repos/{owner}/{repo}/releases/{id}/assets",
        params: { owner, repo, id, page, per_page: PER_PAGE },
      });
      const some = parse(z.array(assetSchema), response, "the assets");
      all.push(...some);
      if (some.length < PER_PAGE) return { assets: all, now: response.now };
    }
  }

  /** Renames an asset. GitHub refuses a name that another asset has. */
  async rename(id: number, name: string): Promise<void> {
    const { owner, repo } = this.#place;
    const doing = `Cannot rename an asset of ${this.#address} to ${name}`;
    const route = "PATCH /repos/{owner}/{repo}/releases/assets/{asset_id}";
    await this.#api.request({ doing, route, params: { owner, repo, asset_id: id, name } });
  }

  /** Deletes an asset, which may be gone already. */
  async delete({ id, name }: Pick<GithubAsset, "id" | "name">): Promise<void> {
    const { owner, repo } = this.#place;
    const doing = `Cannot delete ${name} of ${this.#address}`;
    const route = "DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}";
    try {
      await this.#api.request({ doing, route, params: { owner, repo, asset_id: id } });
    } catch (error) {
      if (statusIn(error) !== 404) throw error;
    }
  }
}

/** Returns the status of the response that made a request fail. */
export function statusIn(error: unknown): unknown {
  return error instanceof VmbuildError ? error.details["status"] : undefined;
}
