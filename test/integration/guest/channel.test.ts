/** Commands on channels of a server whose messages the test orders; OpenSSH's order varies. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import ssh2 from "ssh2";
import type { ServerChannel } from "ssh2";
import { afterEach, beforeEach, expect, it } from "vitest";
import { buildTarget } from "../../../src/guest/build-target.js";
import { runOnChannel } from "../../../src/guest/channel.js";
import { connectOnce } from "../../../src/guest/connection.js";
import type { Connection } from "../../../src/guest/connection.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";

const keys = makeBuildKeys();
const { signal } = new AbortController();

let server: ssh2.Server;
let connection: Connection;
/** Called with each command and the server's side of its channel. */
let answer: (command: string, channel: ServerChannel) => void;

beforeEach(async () => {
  server = new ssh2.Server({ hostKeys: [keys.host.private] }, (client) => {
    client.on("error", () => {}); // A connection that the test has left.
    client.on("authentication", (context) => context.accept());
    client.on("session", (accept) => {
      accept().on("exec", (acceptCommand, _, { command }) => answer(command, acceptCommand()));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  connection = await connectOnce(buildTarget(port, "root", keys), 5000, signal);
});
afterEach(() => {
  connection.close();
  server.close();
});

/** State of a channel in ssh2's server, which sends no exit status after the end of the output. */
interface Outgoing {
  readonly outgoing: { state: "open" | "eof" | "closing" };
}

function finish(channel: ServerChannel, exitCode: number): void {
  const { outgoing } = channel as unknown as Outgoing;
  if (outgoing.state === "eof") outgoing.state = "open";
  channel.exit(exitCode);
  channel.close();
}

const run = (command: string) => runOnChannel(connection, { command, signal });

it("learns the exit code of a command that ends as soon as it is accepted", async () => {
  // The acceptance, the exit code and the end of the channel arrive together.
  answer = (_, channel) => finish(channel, 3);
  expect(await run("short")).toEqual({ exitCode: 3, signal: null });
});

it("waits for the exit code of a command whose output has ended before", async () => {
  const slow: ServerChannel[] = [];
  answer = (command, channel) => {
    if (command === "slow") {
      slow.push(channel);
      channel.eof();
      return;
    }
    finish(channel, 0);
    if (command === "release") for (const earlier of slow) finish(earlier, 3);
  };
  const ended = run("slow");
  ended.catch(() => {}); // Awaited below.
  // When this command ends, the client has received the end of the first one's output.
  await run("between");
  await run("release");
  expect(await ended).toEqual({ exitCode: 3, signal: null });
});
