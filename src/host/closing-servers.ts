/** Lets undici read responses whose server closes the connection, as HTTP/1.0 servers do. */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** Parser of undici's connection, and what it calls. */
interface Parser {
  paused: boolean;
  readonly ptr: unknown;
  readonly llhttp: { llhttp_resume(ptr: unknown): void };
  resume(): void;
}

const asParser = (value: unknown): Parser | undefined =>
  typeof value === "object" &&
  value !== null &&
  ["paused", "ptr", "llhttp", "resume"].every((name) => name in value)
    ? (value as Parser)
    : undefined;

/** Returns the parser that undici keeps in a property of the socket. */
function parserOf(socket: Socket): Parser | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "parser",
  );
  return symbol && asParser(Reflect.get(socket, symbol));
}

/** Lets a paused parser take what has arrived, and the end of the response. */
function unpause(socket: Socket): void {
  const parser = parserOf(socket);
  if (!parser?.paused) return;
  parser.resume();
  // A response that lasts until the connection ends pauses again. A response that is complete has
  // destroyed the socket.
  if (!parser.paused || socket.destroyed) return;
  parser.llhttp.llhttp_resume(parser.ptr);
  parser.paused = false;
}

let repaired = false;

/**
 * Keeps undici from ending the process with "AssertionError: assert(!this.paused)" when a server
 * closes the connection while the receiver of the response is slower. undici from 6.26 and 7.26 on
 * has this fault; 8, which needs Node.js 22, has not (nodejs/undici issue 5360, pull request 5474).
 * As there, a paused parser goes on at the end of the connection: all that the server sent has
 * arrived by then, and a response that is cut short is still an error.
 *
 * Every client announces its connections on a diagnostics channel, those through proxies too.
 */
export function readFromClosingServers(): void {
  if (repaired) return;
  repaired = true;
  subscribe("undici:client:connected", (message) => {
    const { socket } = message as { readonly socket: Socket };
    // Before undici's own listener, which has the fault.
    socket.prependListener("end", () => unpause(socket));
  });
}
