/** Fetches the lists of packages of rpm repositories, each once. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import type { FullContext } from "../inputs/context.js";
import { fetchDocument } from "../inputs/fetch-small.js";
import { UNPACKERS } from "../inputs/program-output.js";
import { trustedText } from "../inputs/signed-sums.js";
import type { RpmRepository } from "../packages/rpm-repositories.js";
import { MAX_LIST_BYTES, mirroredAddress, requireSum, unpackLines } from "./lists.js";
import type { PackageVersions, RepositoryOptions } from "./lists.js";
import { PrimaryReader, parseRepomd } from "./rpm-packages.js";
import { XmlReader } from "./xml.js";

/** Mirrors of a list that are tried. */
const MIRRORS = 3;

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  ...{ gz: UNPACKERS.gzip, xz: UNPACKERS.xz, zst: UNPACKERS.zstd, bz2: UNPACKERS.bzip2, xml: [] },
};

/** List of packages of a repository. */
export interface RpmList {
  readonly versions: PackageVersions;
  /** Time at which the list was made. ISO 8601. */
  readonly made: string | undefined;
}

function mirrorsInMetalink(text: string): string[] {
  const urls: string[] = [];
  const reader = new XmlReader(({ path, text: url }) => {
    if (path.endsWith("/url")) urls.push(url);
  });
  reader.write(text);
  return urls.flatMap((url) => /^(https?:\/\/.*\/)repodata\/repomd\.xml$/.exec(url)?.[1] ?? []);
}

/** Returns the addresses of repositories in a list of mirrors. */
function mirrorsIn(kind: RpmRepository["kind"], text: string): string[] {
  if (kind === "metalink") return mirrorsInMetalink(text);
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => /^https?:\/\//.test(line)).map((line) => line.replace(/\/*$/, "/"));
}

/** Repositories of one command. */
export class RpmRepositories {
  readonly #agent: Dispatcher;
  readonly #context: FullContext;
  readonly #options: RepositoryOptions;
  readonly #lists = new Map<string, Promise<RpmList>>();

  constructor(agent: Dispatcher, context: FullContext, options: RepositoryOptions) {
    this.#agent = agent;
    this.#context = context;
    this.#options = options;
  }

  /**
   * Fetches the list of a repository. Of several mirrors, the first that has it is used.
   * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_SIGNATURE, INPUT_UNPACK,
   *   HOST_PROGRAM_MISSING; the signal's own reason when it aborted.
   */
  fetch(repository: RpmRepository): Promise<RpmList> {
    const key = `${repository.kind} ${repository.address}`;
    const known = this.#lists.get(key) ?? this.#fetchList(repository);
    this.#lists.set(key, known);
    return known;
  }

  async #download(address: string, what: string, maxBytes?: number): Promise<Buffer> {
    const request = { address, what, ...(maxBytes === undefined ? {} : { maxBytes }) };
    return (await fetchDocument(request, this.#agent, this.#context)).content;
  }

  async #fetchList({ kind, address }: RpmRepository): Promise<RpmList> {
    const own = mirroredAddress(address, this.#options);
    if (kind === "baseurl") return this.#fetchFrom(own.replace(/\/*$/, "/"));
    const text = (await this.#download(own, "the list of mirrors")).toString("utf8");
    const mirrors = mirrorsIn(kind, text).slice(0, MIRRORS);
    let failure: unknown = new VmbuildError("INPUT_DOWNLOAD", `${own} names no mirror over HTTP`, {
      hint: "Give a repository: --rpm-source https://archive.example.org/rocky/8/BaseOS/x86_64/os/.",
    });
    for (const mirror of mirrors) {
      try {
        return await this.#fetchFrom(mirroredAddress(mirror, this.#options));
      } catch (error) {
        this.#context.signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  async #fetchFrom(folder: string): Promise<RpmList> {
    const { keyring } = this.#options;
    const url = `${folder}repodata/repomd.xml`;
    const content = await this.#download(url, "the description of the repository");
    const signature = keyring === undefined ? undefined : { keyring, url: `${url}.asc` };
    const fetchSignature = (from: string): Promise<Buffer> => this.#download(from, "the signature");
    const sums = { content, source: url, url, signature };
    const { text } = await trustedText(sums, fetchSignature, this.#context.signal);
    const primary = parseRepomd(text);
    if (!primary) throw notUnderstood(url);
    const address = new URL(primary.path, folder).href;
    const command = COMMANDS[/\.([a-z0-9]+)$/.exec(primary.path)?.[1] ?? ""];
    if (!command) throw notUnderstood(address);
    const packed = await this.#download(address, "the list of packages", MAX_LIST_BYTES);
    requireSum(address, packed, primary.sum);
    const reader = new PrimaryReader();
    const onLine = (line: string): void => reader.line(line);
    await unpackLines({ address, content: packed, command }, onLine, this.#context.signal);
    const versions = reader.end();
    if (!versions) throw notUnderstood(address);
    return { versions, made: primary.made };
  }
}

function notUnderstood(address: string): VmbuildError {
  return new VmbuildError("INPUT_UNPACK", `${address} is not understood`, {
    hint: "Metadata as createrepo_c writes it is expected: repomd.xml, and the list it names with SHA-2.",
  });
}
