/** SLM-Copilot's API for clients: authentication, responses, streams. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Appliance } from "../../support/appliance.js";
import { createAppliance } from "../../support/appliance.js";

const MODELS = "/v1/models";
const CHAT = "/v1/chat/completions";
const CREDENTIALS = `-u "copilot:$P"`;
const BEARER = `-H "Authorization: Bearer $P"`;

function chat(content: string, stream = false): string {
  const body = { model: "devstral-small-2", stream, messages: [{ role: "user", content }] };
  return `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
}

let appliance: Appliance;
beforeAll(async () => {
  appliance = await createAppliance();
}, 600_000);
afterAll(() => appliance[Symbol.asyncDispose]());

describe("with a password", () => {
  const P = "open sesame 7";
  beforeAll(async () => {
    await appliance.reset();
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: P });
  });

  it("accepts it by basic auth and as a bearer token", async () => {
    for (const args of [CREDENTIALS, BEARER.replace("Bearer", "bearer")]) {
      const { status, text } = await appliance.curl(MODELS, args, { P });
      expect(status).toBe(200);
      expect(text).toContain('"id": "devstral-small-2"');
    }
  });

  it.each([
    ["nobody", ""],
    ["a wrong password", `-u "copilot:wrong"`],
    ["another user", `-u "root:$P"`],
    ["no password", `-u "copilot:"`],
    ["the password in other letters", `-u "copilot:\${P^^}"`],
    ["a wrong key", `-H "Authorization: Bearer wrong"`],
    ["a key in other letters", `-H "Authorization: Bearer \${P^^}"`],
    ["the start of the key", `-H "Authorization: Bearer \${P:0:6}"`],
    ["more than the key", `-H "Authorization: Bearer \${P}x"`],
    ["an empty key", `-H "Authorization: Bearer "`],
  ])("shuts out %s", async (_, args) => {
    for (const path of [MODELS, CHAT, "/", "/models/apply"]) {
      const { status, text } = await appliance.curl(path, args, { P });
      expect(status).toBe(401);
      expect(text).toMatch(/^www-authenticate: Basic realm="SLM-Copilot"/im);
    }
  });

  it("reveals only its readiness without credentials", async () => {
    expect((await appliance.curl("/readyz")).status).toBe(200);
  });

  it("exposes nothing of LocalAI but its API", async () => {
    for (const path of ["/", "/models/apply", "/backends", "/browse", "/metrics"]) {
      expect((await appliance.curl(path, CREDENTIALS, { P })).status).toBe(404);
    }
  });

  it("answers, and does not pass the credentials to LocalAI", async () => {
    for (const args of [CREDENTIALS, BEARER]) {
      const { status, text } = await appliance.curl(CHAT, `${args} ${chat("good morning")}`, { P });
      expect(status).toBe(200);
      expect(text).toContain("You said: good morning");
      expect(text).not.toContain("[credentials:");
    }
  });

  it("sends each event of a stream at once", async () => {
    // Each line gets its time of arrival; LocalAI's stand-in waits 50 ms between two.
    const lines = await appliance.tree.ask(
      `curl -skN --max-time 20 ${CREDENTIALS} ${chat("one two three four", true)} https://127.0.0.1${CHAT} |
        while IFS= read -r line; do if [[ $line ]]; then echo "\${EPOCHREALTIME/./} $line"; fi; done`,
      { P },
    );
    const events = lines.split("\n").map((line) => /^(\d+) data: (.+)$/.exec(line));
    expect(events.at(-1)?.[2]).toBe("[DONE]");
    const times = events.map((event) => Number(event?.[1]));
    expect(events.length).toBeGreaterThan(8);
    // With buffering, all would arrive at the same time.
    expect(new Set(times).size).toBeGreaterThan(6);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(100_000);
  });

  it("answers a preflight for any header without credentials", async () => {
    const asked = "-H 'Origin: https://ide.example' -H 'Access-Control-Request-Method: POST'";
    const headers = "-H 'Access-Control-Request-Headers: authorization, x-stainless-os'";
    const { status, text } = await appliance.curl(CHAT, `-X OPTIONS ${asked} ${headers}`);
    expect(status).toBe(204);
    expect(text).toMatch(/^access-control-allow-origin: \*\r$/im);
    expect(text).toMatch(/^access-control-allow-headers: authorization, x-stainless-os\r$/im);
    expect(text).toMatch(/^access-control-allow-methods: .*POST/im);
    expect(text).toMatch(/^access-control-max-age: 86400/im);
    // A request that is not a preflight needs credentials.
    expect((await appliance.curl(CHAT, "-X OPTIONS")).status).toBe(401);
  });

  it("lets a page read every response, also a refusal, with one CORS header", async () => {
    for (const args of [CREDENTIALS, ""]) {
      const { text } = await appliance.curl(MODELS, `${args} -H 'Origin: https://a.example'`, {
        P,
      });
      expect(text.match(/^access-control-allow-origin:.*$/gim)).toHaveLength(1);
      expect(text).toMatch(/^access-control-allow-origin: \*\r$/im);
    }
  });

  it("redirects HTTP to HTTPS, except for certificate challenges", async () => {
    const { tree } = appliance;
    const moved = await tree.ask("curl -s --include http://127.0.0.1/v1/models");
    expect(moved).toContain("308");
    expect(moved).toMatch(/^location: https:\/\/127\.0\.0\.1\/v1\/models\r$/im);
    await tree.ask("install -D /dev/stdin /var/www/slm-copilot/.well-known/acme-challenge/t <<<ok");
    expect(await tree.ask("curl -s http://127.0.0.1/.well-known/acme-challenge/t")).toBe("ok");
  });

  it("refuses TLS older than 1.2, and accepts a prompt of many megabytes", async () => {
    const old = await appliance.tree.run("curl -sk --tls-max 1.1 https://127.0.0.1/readyz");
    expect(old.exitCode).toBe(35);
    const { tree } = appliance;
    await tree.ask(
      `jq -n --arg long "$(head -c 90000 /dev/zero | tr '\\0' x)" '{model: "devstral-small-2", messages: [{role: "user", content: ($long * 200)}]}' >/tmp/long.json`,
    );
    const { status } = await appliance.curl(
      CHAT,
      `${CREDENTIALS} -o /dev/null -D - -H Expect: -H 'Content-Type: application/json' -d @/tmp/long.json`,
      { P },
    );
    expect(status).toBe(200);
  });
});
