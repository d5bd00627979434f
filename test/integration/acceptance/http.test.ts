/** HTTP checks against real servers: passing, failing, and impossible ones. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSchema } from "../../../src/acceptance/check-schema.js";
import type { HttpCheck } from "../../../src/acceptance/check-schema.js";
import { checkHttp } from "../../../src/acceptance/http.js";
import type { HttpTarget } from "../../../src/acceptance/http.js";
import { parseFingerprint } from "../../../src/acceptance/trust.js";
import { findFreePort } from "../../../src/machine/ports.js";
import { makeCertificate, startServer } from "../../support/https-server.js";
import type { Answer, Certificate } from "../../support/https-server.js";

const { signal } = new AbortController();
let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate();
});

function check(more: Record<string, unknown>): HttpCheck {
  const parsed = checkSchema.parse({ name: "it", http: "/x?y=1", timeout: "20s", ...more });
  if (!("http" in parsed)) throw new Error("no HTTP check");
  return parsed;
}

const credentials = { user: "copilot", password: "p:ä'$", token: undefined };

async function tryIt(
  answer: Answer,
  more: Record<string, unknown>,
  target: Partial<HttpTarget> = {},
) {
  await using server = await startServer(answer, certificate);
  const at: HttpTarget = {
    address: () => server.address,
    trust: { kind: "insecure" },
    credentials,
    ...target,
  };
  const outcome = await checkHttp(check(more), at, signal);
  return { outcome, seen: server.seen };
}

const text = (status: number, body: string, headers = {}): Answer => {
  return (_seen, response) => void response.writeHead(status, headers).end(body);
};

describe("a request", () => {
  it("is an anonymous GET by default", async () => {
    const { outcome, seen } = await tryIt(text(200, ""), {});
    expect(outcome).toEqual({ ok: true });
    expect(seen).toMatchObject([{ method: "GET", url: "/x?y=1", body: "" }]);
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  it("has the given body, content type and headers", async () => {
    const json = { messages: [{ content: 'ü "q"' }] };
    const headers = { "X-One": "1", host: "copilot.example.org" };
    const { seen } = await tryIt(text(200, ""), { json, headers });
    expect(seen[0]).toMatchObject({ method: "POST", body: JSON.stringify(json) });
    expect(seen[0]?.headers).toMatchObject({
      "content-type": "application/json",
      "x-one": "1",
      host: "copilot.example.org",
    });
    const put = await tryIt(text(200, ""), { method: "PUT", body: "raw" });
    expect(put.seen[0]).toMatchObject({ method: "PUT", body: "raw" });
  });

  it.each([
    ["basic", `Basic ${Buffer.from("copilot:p:ä'$").toString("base64")}`],
    ["bearer", "Bearer key"],
    [{ scheme: "basic", user: "eve", secret: "no" }, `Basic ${btoa("eve:no")}`],
    [{ scheme: "bearer", previous: true }, "Bearer old"],
  ])("authenticates as %j", async (auth, header) => {
    const known = { ...credentials, token: "key", previous: { token: "old" } };
    const { seen } = await tryIt(text(200, ""), { auth }, { credentials: known });
    expect(seen[0]?.headers.authorization).toBe(header);
  });

  it.each(["basic", "bearer", { scheme: "basic", previous: true }])(
    "fails as %j without a secret",
    async (auth) => {
      const { outcome, seen } = await tryIt(
        text(200, ""),
        { auth },
        { credentials: { user: "u" } },
      );
      expect(outcome).toMatchObject({ ok: false, isFinal: true });
      expect(outcome).toHaveProperty(
        "reason",
        expect.stringMatching(/^the (earlier )?(password|token) is unknown$/),
      );
      expect(seen).toEqual([]);
    },
  );
});

describe("an answer", () => {
  it.each([
    [text(200, ""), {}],
    [text(401, "no"), { status: 401 }],
    [
      text(301, "", { location: "https://elsewhere/" }),
      { status: [200, 301], expect: { headers: { Location: "^https:" } } },
    ],
    [text(200, "all is ready\n"), { expect: { body: "ready$|ready\\n" } }],
    [text(200, '{"data":[{"id":"m"}]}'), { expect: { json: { "data[*].id": "m" } } }],
  ])("%# holds", async (answer, more) => {
    expect((await tryIt(answer, more)).outcome).toEqual({ ok: true });
  });

  it.each([
    [text(200, "come in"), { status: 401 }, "got HTTP 200, expected 401", ["come in"]],
    [
      text(502, "<h1>Bad Gateway</h1>"),
      { status: [200, 401] },
      "got HTTP 502, expected 200 or 401",
      ["<h1>Bad Gateway</h1>"],
    ],
    [text(200, "x"), { expect: { headers: { "x-y": "." } } }, "the header x-y is missing", ["x"]],
    [
      text(200, "x", { "x-y": "no" }),
      { expect: { headers: { "x-y": "^yes" } } },
      'the header x-y is "no", which does not match',
      ["x"],
    ],
    [
      text(200, "nothing"),
      { expect: { body: "some" } },
      "the body does not match some",
      ["nothing"],
    ],
    [
      text(200, "<html>"),
      { expect: { json: { a: 1 } } },
      /^the body is not valid JSON: /,
      ["<html>"],
    ],
    [
      text(200, '{"data":[]}'),
      { expect: { json: { "data[*].id": "m" } } },
      /^data\[\*\]\.id does not exist$/,
      ['{"data":[]}'],
    ],
    [
      text(200, "data: x\n\n"),
      { expect: { events: {} } },
      "the response is not an event stream, but of type none",
      ["data: x"],
    ],
  ] as const)("%# does not, and the report says why", async (answer, more, reason, lines) => {
    const { outcome } = await tryIt(answer, more);
    expect(outcome).toMatchObject({ ok: false, lines, isFinal: false });
    expect(outcome).toHaveProperty("reason", expect.stringMatching(reason));
  });

  it("that is very long is cut in the report", async () => {
    const { outcome } = await tryIt(text(500, "x".repeat(100_000)), {});
    if (outcome.ok) throw new Error("it holds");
    expect(outcome.lines.join("").length).toBeLessThan(400);
  });
});

describe("a stream of events", () => {
  const stream = (...pieces: (string | number)[]): Answer => {
    return async (_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      for (const piece of pieces) {
        if (typeof piece === "string") response.write(piece);
        else await new Promise((done) => setTimeout(done, piece));
      }
      response.end();
    };
  };
  const one = 'data: {"n":1}\n\n';

  it("passes when it has the expected events", async () => {
    const events = { atLeast: 2, json: { n: 1 }, last: "[DONE]", spread: "30ms" };
    const answer = stream(one, 60, "data: [DO", "NE]\n", "\n");
    expect((await tryIt(answer, { expect: { events } })).outcome).toEqual({ ok: true });
  });

  it("is read only up to the last event, since some servers never end it", async () => {
    const answer: Answer = (_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: [DONE]\n\n");
    };
    const { outcome } = await tryIt(answer, { expect: { events: { last: "[DONE]" } } });
    expect(outcome).toEqual({ ok: true });
  });

  it("that arrives all at once is reported as buffered", async () => {
    const events = { atLeast: 2, spread: "10s" };
    const { outcome } = await tryIt(stream(one + one), { expect: { events } });
    expect(outcome).toMatchObject({ ok: false, lines: ['{"n":1}', '{"n":1}'] });
    expect(outcome).toHaveProperty("reason", expect.stringContaining("the response is buffered"));
  });

  it("that breaks off is a failure", async () => {
    const answer: Answer = (_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(one, () => response.destroy());
    };
    const { outcome } = await tryIt(answer, { expect: { events: {} } });
    expect(outcome.ok).toBe(false);
  });
});

describe("trust", () => {
  const answer = text(200, "in");
  const withTrust = (trust: HttpTarget["trust"], serverName?: string) =>
    tryIt(answer, { auth: "basic" }, { trust, serverName });

  it("is refused to a self-signed certificate, and no password is sent", async () => {
    const { outcome, seen } = await withTrust({ kind: "system" });
    expect(outcome).toMatchObject({ ok: false });
    expect(outcome).toHaveProperty(
      "reason",
      expect.stringMatching(/certificate .*not trusted.*self-signed/),
    );
    expect(seen).toEqual([]);
  });

  it("is given to it with `insecure`, as the authority, and when pinned", async () => {
    expect((await withTrust({ kind: "insecure" })).outcome.ok).toBe(true);
    expect((await withTrust({ kind: "ca", pem: certificate.pem })).outcome.ok).toBe(true);
    const sha256 = parseFingerprint(certificate.fingerprint);
    expect((await withTrust({ kind: "fingerprint", sha256 })).outcome.ok).toBe(true);
  });

  it("is refused to another certificate than the pinned one before anything is sent", async () => {
    const sha256 = parseFingerprint(makeCertificate().fingerprint);
    const { outcome, seen } = await withTrust({ kind: "fingerprint", sha256 });
    expect(outcome).toMatchObject({ ok: false });
    expect(outcome).toHaveProperty(
      "reason",
      expect.stringContaining(parseFingerprint(certificate.fingerprint)),
    );
    expect(seen).toEqual([]);
  });

  it("is limited to the requested name", async () => {
    const trust = { kind: "ca", pem: certificate.pem } as const;
    expect((await withTrust(trust, "copilot.example.org")).outcome.ok).toBe(true);
    const { outcome, seen } = await withTrust(trust, "other.example.org");
    expect(outcome).toHaveProperty("reason", expect.stringContaining("not trusted"));
    expect(seen).toEqual([]);
  });

  it.each(["", "abc", "g".repeat(64), `${"a".repeat(64)}:a`])(
    "knows that %j is no sha256",
    (word) => {
      expect(() => parseFingerprint(word)).toThrow("is not a SHA-256");
    },
  );
});

describe("a server that does not answer", () => {
  const at = (port: number, timeout = "20s") =>
    checkHttp(
      check({ timeout }),
      { address: () => `https://127.0.0.1:${port}`, trust: { kind: "insecure" }, credentials },
      signal,
    );
  const sockets = createServer();
  let silent: number;
  beforeAll(async () => {
    sockets.listen(0, "127.0.0.1");
    await once(sockets, "listening");
    silent = (sockets.address() as AddressInfo).port;
  });
  afterAll(() => void sockets.close());

  it("because nobody listens", async () => {
    expect(await at(await findFreePort())).toMatchObject({
      ok: false,
      reason: "connection refused",
    });
  });

  it("because it says nothing", async () => {
    expect(await at(silent, "300ms")).toMatchObject({
      ok: false,
      reason: "no response within 300ms",
    });
  });

  it("because it closes the connection", async () => {
    sockets.once("connection", (socket) => socket.destroy());
    expect(await at(silent)).toMatchObject({ ok: false, isFinal: false });
  });

  it("ends at once when the run is cancelled", async () => {
    const cancel = new AbortController();
    sockets.once("connection", () => cancel.abort(new Error("cancelled")));
    const target = {
      address: () => `https://127.0.0.1:${silent}`,
      trust: { kind: "insecure" },
      credentials,
    } as const;
    await expect(checkHttp(check({}), target, cancel.signal)).rejects.toThrow("cancelled");
  });
});
