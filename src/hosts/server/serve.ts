/** Answers the requests of vmbuild on another host, which come over SSH (`vmbuild context serve`). */
import type { Readable, Writable } from "node:stream";
import { findNamedRun } from "../../builds/find-run.js";
import { sendRelease } from "../../builds/control-client.js";
import { findRun } from "../../builds/records.js";
import { RunWatch } from "../../builds/run-end.js";
import type { RunRecord } from "../../builds/workspace.js";
import { VmbuildError } from "../../errors.js";
import { reportError } from "../../events/report.js";
import { readLines } from "../../host/follow.js";
import { CallerLink } from "../caller-link.js";
import { HELLO, requestSchema } from "../messages.js";
import type { HostRequest } from "../messages.js";
import { MessageReader, writeMessage } from "../wire.js";
import { prepareBoot } from "./boot.js";
import { answerScreen } from "./screen.js";
import type { Answer } from "./answer.js";
import { artifactFiles, readArtifactFile } from "./artifact.js";
import { startRun } from "./start.js";
import { ContentStore } from "./store.js";

/** What a server needs of its process. */
export interface ServerOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly version: string;
  /** Folder for bundles and images. Absolute. */
  readonly folder: string;
  /** This vmbuild: node and its arguments. */
  readonly program: readonly [string, ...string[]];
}

class Server {
  readonly #options: ServerOptions;
  readonly #reader: MessageReader;
  readonly #store: ContentStore;
  #caller: CallerLink | undefined;
  /** Line that was asked for while events were sent. */
  #next: Promise<string | undefined> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#reader = new MessageReader(options.stdin);
    this.#store = new ContentStore(options.folder);
  }

  #line(): Promise<string | undefined> {
    const next = this.#next ?? this.#reader.line();
    this.#next = undefined;
    return next;
  }

  /** Answers until the other side has closed the connection. */
  async run(): Promise<void> {
    const { stdout, version, folder } = this.#options;
    await writeMessage(stdout, { hello: HELLO, version, folder });
    // What was started for the caller ends with the connection.
    using _link = { [Symbol.dispose]: () => this.#caller?.[Symbol.dispose]() };
    for (let line = await this.#line(); line !== undefined; line = await this.#line()) {
      try {
        const { parts, ...reply } = await this.#answer(requestSchema.parse(JSON.parse(line)));
        await writeMessage(stdout, reply, parts);
      } catch (error) {
        await writeMessage(stdout, { error: reportError(error) });
      }
    }
  }

  async #answer(request: HostRequest): Promise<Answer> {
    switch (request.do) {
      case "offer":
        return { result: { missing: await this.#missing(request.contents) } };
      case "put":
        await this.#put(request);
        return { result: {} };
      case "start": {
        const { folder, program } = this.#options;
        return { result: await startRun(folder, request, program) };
      }
      case "find": {
        const { name, runId, expiresAt } = (await findNamedRun(request.run)).record;
        return { result: { name, runId, expiresAt } };
      }
      case "events":
        return { result: await this.#events(request) };
      case "release": {
        const { record } = await findRun(request.name, request.run);
        if (record.control !== undefined) await sendRelease(record.control);
        return { result: {} };
      }
      case "files":
        return { result: { files: await artifactFiles(request.name, request.run) } };
      case "get": {
        const { bytes, parts } = await readArtifactFile(request.name, request);
        return { result: {}, bytes, parts };
      }
      case "boot":
        return { result: await this.#boot(request) };
      case "alive":
        this.#caller?.renew();
        return { result: {} };
      case "screen":
        return answerScreen(request);
    }
  }

  async #boot(request: Extract<HostRequest, { do: "boot" }>): Promise<object> {
    this.#caller?.[Symbol.dispose]();
    this.#caller = await CallerLink.open(request.environment);
    return prepareBoot(this.#options.folder, request, this.#caller.path);
  }

  async #missing(contents: Extract<HostRequest, { do: "offer" }>["contents"]) {
    const missing: { sha256: string; have: number }[] = [];
    for (const content of contents) {
      const have = await this.#store.have(content);
      if (have !== undefined) missing.push({ sha256: content.sha256, have });
    }
    return missing;
  }

  /** Stores bytes. All of them are read even when they cannot be stored. */
  async #put(request: Extract<HostRequest, { do: "put" }>): Promise<void> {
    let left = request.bytes;
    const source = this.#reader.bytes(request.bytes);
    const counted = (async function* () {
      for await (const part of source) {
        left -= part.length;
        yield part;
      }
    })();
    try {
      await this.#store.put(request, request.from, counted);
    } finally {
      for await (const part of this.#reader.bytes(left)) left -= part.length;
    }
  }

  /** Sends the lines of a run's log until the run has ended, or the other side is gone. */
  async #events({ name, run, skip }: Extract<HostRequest, { do: "events" }>): Promise<object> {
    const found = await findNamedRun(run);
    if (found.record.name !== name) {
      throw new VmbuildError("BUILD_UNKNOWN", `The run ${run} is not one of ${name}`);
    }
    const { stdout } = this.#options;
    const gone = new AbortController();
    const next = this.#line();
    this.#next = next;
    void next.then((line) => line === undefined && gone.abort(new Error("the caller is gone")));
    const watch = new RunWatch(found);
    let count = 0;
    let sent = Promise.resolve();
    const take = (line: string): void => {
      if (count++ < skip) return;
      sent = sent.then(() => writeMessage(stdout, { line }));
      // A write that fails ends the connection, which is noticed by its input.
      sent.catch(() => gone.abort());
    };
    let caughtUp = false;
    let end: RunRecord | undefined;
    const isComplete = async (): Promise<boolean> => {
      // An empty line tells that what follows happens now.
      if (!caughtUp) sent = sent.then(() => writeMessage(stdout, { line: "" }));
      caughtUp = true;
      await sent;
      end = await watch.look();
      return end !== undefined;
    };
    await readLines(found.paths.events, take, { signal: gone.signal, isComplete });
    await sent;
    const { state, outcome } = end ?? found.record;
    return { state, outcome };
  }
}

/** Answers requests until the other side has closed the connection. */
export async function serve(options: ServerOptions): Promise<void> {
  // A reader that is gone ends the input too.
  options.stdout.on("error", () => {});
  await new Server(options).run();
}
