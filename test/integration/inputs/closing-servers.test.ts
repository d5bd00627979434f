/** Downloads from servers that close the connection after a response, to a slow receiver. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { request } from "undici";
import { expect, it } from "vitest";
import { withAgent } from "../../../src/inputs/agent.js";

type Write = (body: Buffer) => readonly (string | Buffer)[];

const chunked: Write = (body) => [
  "Transfer-Encoding: chunked\r\n\r\n",
  ...[`${body.length.toString(16)}\r\n`, body, "\r\n"],
];

const WHOLE: Readonly<Record<string, Write>> = {
  "with a length": (body) => [`Content-Length: ${body.length}\r\n\r\n`, body],
  "until the connection ends": (body) => ["\r\n", body],
  "in chunks": (body) => [...chunked(body), "0\r\n\r\n"],
};
const CUT: Readonly<Record<string, Write>> = {
  "a length": (body) => [`Content-Length: ${body.length + 1}\r\n\r\n`, body],
  chunks: chunked,
};

/** The receiver's buffer of 64 KiB is full at the end of some responses, and not of others. */
const SIZES = [1000, 65_535, 65_536, 65_537, 131_072, 1_048_576];

/** Sends a response and closes the connection. Returns how many bytes a slow receiver got. */
async function receive(write: Write, size: number): Promise<number> {
  const parts = ["HTTP/1.1 200 OK\r\nConnection: close\r\n", ...write(Buffer.alloc(size, "a"))];
  await using server = createServer((socket) => {
    socket.once("data", () => socket.end(Buffer.concat(parts.map((part) => Buffer.from(part)))));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return await withAgent(async (dispatcher) => {
    const { body } = await request(`http://127.0.0.1:${port}/`, { dispatcher });
    let received = 0;
    for await (const piece of body) {
      received += (piece as Buffer).length;
      // The rest of the response and its end arrive before the next piece is taken.
      for (let turn = 0; turn < 100; turn += 1) await setImmediate();
    }
    return received;
  });
}

it.each(Object.entries(WHOLE))("are whole %s", async (_, write) => {
  for (const size of SIZES) expect(await receive(write, size)).toBe(size);
});

it.each(Object.entries(CUT))("fail when they are cut short, with %s", async (_, write) => {
  for (const size of SIZES) {
    await expect(receive(write, size)).rejects.toThrow(/body length|Invalid EOF|terminated|match/i);
  }
});
