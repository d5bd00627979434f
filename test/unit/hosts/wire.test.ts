import { PassThrough, Readable } from "node:stream";
import { expect, it } from "vitest";
import { MessageReader, writeMessage } from "../../../src/hosts/wire.js";

/** Reads all that a reader yields. */
async function collect(parts: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all).toString("utf8");
}

it("reads lines and bytes however they arrive", async () => {
  const text = '{"a":1}\nxyz\nq{"b":"ä"}\n\nrest';
  for (const size of [1, 2, 7, 100]) {
    const bytes = Buffer.from(text);
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const reader = new MessageReader(Readable.from(parts, { objectMode: false }));
    expect(await reader.line()).toBe('{"a":1}');
    expect(await collect(reader.bytes(5))).toBe("xyz\nq");
    expect(await reader.line()).toBe('{"b":"ä"}');
    expect(await reader.line()).toBe("");
    // A line without an end is no message.
    expect(await reader.line()).toBeUndefined();
    expect(await reader.line()).toBeUndefined();
  }
});

it("ends the bytes with the stream", async () => {
  const reader = new MessageReader(Readable.from([Buffer.from("abc")], { objectMode: false }));
  expect(await collect(reader.bytes(10))).toBe("abc");
});

it("writes a message with its bytes", async () => {
  const stream = new PassThrough();
  await writeMessage(stream, { do: "put", bytes: 3 }, Readable.from([Buffer.from("xyz")]));
  stream.end();
  expect(await collect(stream)).toBe('{"do":"put","bytes":3}\nxyz');
});
