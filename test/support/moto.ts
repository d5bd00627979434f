/** Runs moto's server, an independent implementation of S3, behind a proxy that can stall requests. */
import { createServer, request as send } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { listenOnLoopback } from "./http-server.js";

/** Running server with the bucket `images`. */
export interface Moto extends AsyncDisposable {
  /** Address of the proxy. */
  readonly origin: string;
  /** `METHOD /path?query` of each request, followed by its range if it has one. */
  readonly requests: string[];
  /**
   * Stalls the next request that matches: it is not passed on, or, with `bytes`, its answer ends
   * after so many bytes without being closed. Resolves once that is so.
   */
  stall(pattern: RegExp, bytes?: number): Promise<void>;
}

interface Stall {
  readonly pattern: RegExp;
  readonly bytes: number;
  readonly begun: () => void;
}

/** Passes on the first bytes of an answer, and then nothing. */
function passSome(answer: IncomingMessage, response: ServerResponse, { bytes, begun }: Stall) {
  let left = bytes;
  answer.on("data", (data: Buffer) => {
    if (left > 0) response.write(data.subarray(0, left));
    left -= data.length;
    if (left > 0) return;
    answer.pause();
    begun();
  });
}

function createProxy(target: string, requests: string[], stalls: Stall[]) {
  return createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const line = [`${method} ${url}`, headers.range ?? []].flat().join(" ");
    requests.push(line);
    const at = stalls.findIndex(({ pattern }) => pattern.test(line));
    const stall = at === -1 ? undefined : stalls.splice(at, 1)[0];
    if (stall?.bytes === 0) return stall.begun();
    const onward = send(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (stall) passSome(answer, response, stall);
      else answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    // The client or moto has gone: the other side sees the same.
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
}

/** Starts moto's server with the empty bucket `images`. */
export async function startMoto(): Promise<Moto> {
  const moto = execa("moto_server", ["-H", "127.0.0.1", "-p", "0"], {
    ...{ stdin: "ignore", stdout: "ignore", buffer: false, reject: false },
  });
  const target = await new Promise<string>((resolve, reject) => {
    createInterface({ input: moto.stderr }).on("line", (line) => {
      const [, address] = /Running on (http:\S+)/.exec(line) ?? [];
      if (address !== undefined) resolve(address);
    });
    void moto.then(() => reject(new Error("moto_server has ended")));
  });
  const requests: string[] = [];
  const stalls: Stall[] = [];
  const proxy = createProxy(target, requests, stalls);
  const origin = `http://127.0.0.1:${await listenOnLoopback(proxy)}`;
  await fetch(`${target}/images`, { method: "PUT" });
  return {
    ...{ origin, requests },
    stall: (pattern, bytes = 0) =>
      new Promise((resolve) => {
        stalls.push({ pattern, bytes, begun: resolve });
      }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => proxy.close(resolve));
      proxy.closeAllConnections();
      await closed;
      moto.kill();
      await moto;
    },
  };
}
