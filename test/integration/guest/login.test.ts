/** Logins with credentials other than the build's key, at an SSH server on loopback. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import ssh2 from "ssh2";
import type { AuthContext, Prompt } from "ssh2";
import { buildKey } from "../../../src/guest/build-target.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectOnce } from "../../../src/guest/connection.js";
import { LearnedHostKey, buildHostKey, givenHostKey } from "../../../src/guest/host-key.js";
import type { HostKeyVerifier } from "../../../src/guest/host-key.js";
import type { Login } from "../../../src/guest/login.js";
import { makeBuildKeys, publicBlob } from "../../../src/seed/keys.js";
import { fingerprintOf } from "../../../src/seed/public-key.js";
import { errorOf } from "../../support/inputs.js";

const { signal } = new AbortController();
const keys = makeBuildKeys();
const base = makeBuildKeys();
const PASSWORD = "correct horse";
const HOST_KEY = publicBlob(keys.host);

/** Decides about one authentication attempt of a client. */
type Authenticate = (context: AuthContext) => void;

let servers: ssh2.Server[];
let tried: string[];
beforeEach(() => {
  servers = [];
  tried = [];
});
afterEach(() => {
  for (const server of servers) server.close();
});

/** Starts a server that authenticates as the test says. Returns its port. */
async function serve(authenticate: Authenticate, hostKey = keys.host.private): Promise<number> {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (context) => {
      tried.push(context.method);
      authenticate(context);
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const WITH_BASE = [
  buildKey(keys),
  { name: "the key of the installed base", private: base.client.private },
];

function connect(
  port: number,
  login: Partial<Login> = {},
  hostKey: HostKeyVerifier = buildHostKey(HOST_KEY),
) {
  const whole = { user: "root", keys: [buildKey(keys)], ...login };
  return connectOnce({ port, login: whole, hostKey }, 10_000, signal);
}

const offered = (context: AuthContext): string =>
  context.method === "publickey" ? context.key.data.toString("base64") : "";

describe("a login", () => {
  it("offers the build's key, the base's key, and the password last", async () => {
    const port = await serve((context) => {
      if (context.method === "password" && context.password === PASSWORD) context.accept();
      else context.reject();
    });
    (await connect(port, { keys: WITH_BASE, password: PASSWORD })).close();
    expect(tried).toEqual(["publickey", "publickey", "password"]);
  });

  it("uses the base's key, and does not send the password then", async () => {
    const port = await serve((context) => {
      if (offered(context) === publicBlob(base.client)) context.accept();
      else context.reject();
    });
    (await connect(port, { keys: WITH_BASE, password: PASSWORD })).close();
    expect(tried).not.toContain("password");
  });

  it("offers no password when it has none", async () => {
    const port = await serve((context) => context.reject());
    await expect(connect(port)).rejects.toMatchObject({ stage: "authentication" });
    expect(tried).toEqual(["publickey"]);
  });
});

describe("keyboard-interactive prompts", () => {
  const ask = (rounds: readonly Prompt[][], answers: string[][]) => (context: AuthContext) => {
    if (context.method !== "keyboard-interactive") return context.reject();
    const next = (round: number): void => {
      const prompts = rounds[round];
      if (!prompts) return context.accept();
      context.prompt(prompts, (given) => {
        answers.push(given);
        next(round + 1);
      });
    };
    next(0);
  };

  it("get the password, and an empty round gets no answer", async () => {
    const answers: string[][] = [];
    const prompts = [{ prompt: "Password: ", echo: false }];
    const port = await serve(ask([prompts, []], answers));
    (await connect(port, { password: PASSWORD })).close();
    expect(answers).toEqual([[PASSWORD], []]);
  });

  it("fail with their text when they ask for something visible", async () => {
    const port = await serve(ask([[{ prompt: "Verification code: ", echo: true }]], []));
    await expect(connect(port, { password: PASSWORD })).rejects.toMatchObject({
      stage: "authentication",
      message: 'the guest asks "Verification code:"',
    });
  });

  it("fail when they are repeated without end", async () => {
    const prompts = [{ prompt: "Password: ", echo: false }];
    const port = await serve(
      ask(
        Array.from({ length: 9 }, () => prompts),
        [],
      ),
    );
    await expect(connect(port, { password: "wrong" })).rejects.toThrow(
      "the guest asks again and again",
    );
  });
});

describe("a host key", () => {
  const accept: Authenticate = (context) => context.accept();
  const other = makeBuildKeys();

  it("is learned at the first connection, and no other one is accepted afterwards", async () => {
    const learned = new LearnedHostKey();
    (await connect(await serve(accept), {}, learned)).close();
    expect(learned.known).toBe(HOST_KEY);
    const error = await errorOf(connect(await serve(accept, other.host.private), {}, learned));
    expect(error).toMatchObject({ code: "GUEST_HOST_KEY" });
    expect(error.message).toContain("other than at the first connection");
  });

  it("is the one that an earlier run learned", async () => {
    const port = await serve(accept, other.host.private);
    const error = await errorOf(connect(port, {}, new LearnedHostKey(HOST_KEY)));
    expect(error).toMatchObject({ code: "GUEST_HOST_KEY" });
  });

  it("is compared with the template's fingerprint, and both are shown", async () => {
    const given = fingerprintOf(Buffer.from(HOST_KEY, "base64"));
    (await connect(await serve(accept), {}, givenHostKey(given))).close();
    const port = await serve(accept, other.host.private);
    const error = await errorOf(connect(port, {}, givenHostKey(given)));
    const found = fingerprintOf(Buffer.from(publicBlob(other.host), "base64"));
    expect(error.lines).toEqual([`expected  ${given}`, `found     ssh-ed25519 ${found}`]);
  });
});
