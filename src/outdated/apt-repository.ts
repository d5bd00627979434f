/** Fetches the release files and the lists of packages of apt repositories, each once. */
import { posix } from "node:path";
import type { Dispatcher } from "undici";
import type { FullContext } from "../inputs/context.js";
import { fetchDocument } from "../inputs/fetch-small.js";
import { UNPACKERS } from "../inputs/program-output.js";
import { trustedText } from "../inputs/signed-sums.js";
import type { AptIndex } from "../packages/list.js";
import { PackagesReader } from "./apt-packages.js";
import { parseRelease } from "./apt-release.js";
import type { Release, ReleaseFile } from "./apt-release.js";
import { MAX_LIST_BYTES, mirroredAddress, requireSum, unpackLines } from "./lists.js";
import type { PackageVersions, RepositoryOptions } from "./lists.js";

/** Endings of compressed lists, and the commands that unpack them; the smallest first. */
const FORMS: readonly (readonly [string, readonly string[]])[] = [
  [".xz", UNPACKERS.xz],
  [".zst", UNPACKERS.zstd],
  [".gz", UNPACKERS.gzip],
  ["", []],
];

/** List of packages with the release file of its repository. */
export interface FetchedIndex {
  readonly release: Release;
  /** Address of the release file. */
  readonly address: string;
  readonly versions: PackageVersions;
}

/** Repositories of one command. */
export class AptRepositories {
  readonly #agent: Dispatcher;
  readonly #context: FullContext;
  readonly #options: RepositoryOptions;
  readonly #releases = new Map<string, Promise<Release>>();
  readonly #indexes = new Map<string, Promise<FetchedIndex | undefined>>();

  constructor(agent: Dispatcher, context: FullContext, options: RepositoryOptions) {
    this.#agent = agent;
    this.#context = context;
    this.#options = options;
  }

  /**
   * Fetches a list; undefined where the repository does not have it, as apt ignores it too.
   * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_SIGNATURE, INPUT_UNPACK,
   *   HOST_PROGRAM_MISSING; the signal's own reason when it aborted.
   */
  fetch({ release, packages }: AptIndex): Promise<FetchedIndex | undefined> {
    const address = mirroredAddress(release, this.#options);
    const key = `${address} ${packages}`;
    const known = this.#indexes.get(key) ?? this.#fetchIndex(address, packages);
    this.#indexes.set(key, known);
    return known;
  }

  async #download(address: string, what: string): Promise<Buffer> {
    const request = { address, what, maxBytes: MAX_LIST_BYTES };
    return (await fetchDocument(request, this.#agent, this.#context)).content;
  }

  #release(folder: string): Promise<Release> {
    const known = this.#releases.get(folder) ?? this.#fetchRelease(folder);
    this.#releases.set(folder, known);
    return known;
  }

  async #fetchRelease(folder: string): Promise<Release> {
    const { keyring } = this.#options;
    const url = `${folder}InRelease`;
    const content = await this.#download(url, "the release file");
    const signature = keyring === undefined ? undefined : { keyring };
    const sums = { content, source: url, url, signature };
    const fetchSignature = (address: string): Promise<Buffer> =>
      this.#download(address, "the signature");
    const { text } = await trustedText(sums, fetchSignature, this.#context.signal);
    const release = parseRelease(text);
    const end = Date.parse(release.validUntil ?? "");
    if (end < this.#context.clock.now()) {
      const message = `${url} has been valid until ${release.validUntil}: the mirror is out of date`;
      this.#context.emit({ type: "warning", message });
    }
    return release;
  }

  async #fetchIndex(folder: string, packages: string): Promise<FetchedIndex | undefined> {
    const release = await this.#release(folder);
    for (const [ending, command] of FORMS) {
      const path = `${packages}${ending}`;
      const file = release.files.get(path);
      if (!file) continue;
      const address = addressOf(folder, path, file, release);
      const content = await this.#download(address, "the list of packages");
      requireSum(address, content, file);
      const reader = new PackagesReader();
      const onLine = (line: string): void => reader.line(line);
      await unpackLines({ address, content, command }, onLine, this.#context.signal);
      const versions = reader.end();
      return { release, address: `${folder}InRelease`, versions };
    }
    return undefined;
  }
}

function addressOf(folder: string, path: string, file: ReleaseFile, { byHash }: Release): string {
  if (!byHash) return `${folder}${path}`;
  // The file of this name may belong to a newer release file.
  const { algorithm, hex } = file;
  return `${folder}${posix.dirname(path)}/by-hash/${algorithm.toUpperCase()}/${hex}`;
}
