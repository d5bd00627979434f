/** Each context variable with valid and malicious values. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Appliance, Context } from "../../support/appliance.js";
import { createAppliance } from "../../support/appliance.js";

const MODELS = "/v1/models";

let appliance: Appliance;
beforeAll(async () => {
  appliance = await createAppliance();
}, 600_000);
afterAll(() => appliance[Symbol.asyncDispose]());

async function statusOf(args: string, variables: Context = {}): Promise<number> {
  return (await appliance.curl(MODELS, args, variables)).status;
}

const withPassword = (P: string): Promise<number> => statusOf(`-u "copilot:$P"`, { P });
const withKey = (P: string): Promise<number> => statusOf(`-H "Authorization: Bearer $P"`, { P });
/** Configures the appliance and starts nginx; the engine keeps running. */
async function configure(context: Context): Promise<string> {
  const { exitCode, output } = await appliance.service("configure", context);
  if (exitCode !== 0) throw new Error(output);
  await ask(
    "systemctl stop nginx; systemctl start nginx; systemctl is-active local-ai || systemctl start local-ai",
  );
  await ask("until curl -s --fail http://127.0.0.1:8080/readyz; do sleep 0.05; done");
  return output;
}
const ask = (script: string): Promise<string> => appliance.tree.ask(script);
const report = (): Promise<string> => ask("cat /etc/one-appliance/config");

/** Returns the configuration of the machine, with modes and owners. */
const readConfiguration = (): Promise<string> =>
  ask(`find /etc/slm-copilot /etc/nginx /opt/slm-copilot \\
    -type f -printf '%p %m %u:%g ' -exec sha256sum {} \\; -o -type l -printf '%p %l\\n' | sort`);

// Each value would break a shell, file, header or regular expression that uses it without quoting.
const HOSTILE: readonly (readonly [string, string])[] = [
  ["single quotes", `it's 'quoted'`],
  ["double quotes", `say "hello"`],
  ["a command", "$(touch /tmp/owned) `touch /tmp/owned`"],
  ["variables", "$HOME ${PATH} $remote_addr $1"],
  ["slashes", "a/b\\c//d\\\\e"],
  ["separators", "a;b|c&d>e<f#g"],
  ["a colon, an equals sign and a comma", "user:pass=word,x"],
  ["what an expression reads", ".*[a-z]+(x|y)?^$"],
  ["what nginx reads", `" off; } server { return 200; } #`],
  ["what sed reads", "&\\1\\n/g"],
  ["what printf reads", "%s%n%d\\t\\x41"],
  ["spaces at both ends", "  spaced out  "],
  ["a dash first", "-n -e --help"],
  ["letters of the world", "pässwörd-日本-🔑"],
  ["250 bytes", "x".repeat(250)],
];

describe("ONEAPP_COPILOT_PASSWORD", () => {
  beforeAll(() => appliance.reset());

  it.each(HOSTILE)("may have %s", async (_, password) => {
    const output = await configure({ ONEAPP_COPILOT_PASSWORD: password });
    expect(await withPassword(password)).toBe(200);
    expect(await withPassword(`${password}x`)).toBe(401);
    expect(await withKey(`${password}x`)).toBe(401);
    // The value of a header has no spaces at its ends.
    expect(await withKey(password)).toBe(password.trim() === password ? 200 : 401);
    expect(output).not.toContain(password);
    expect(await ask("cat /var/log/one-appliance/*")).not.toContain(password);
    await ask("! test -e /tmp/owned");
  });

  it("starts with any of them and does not show it", async () => {
    const password = HOSTILE.map(([, one]) => one.slice(0, 12)).join("");
    const output = await appliance.boot({ ONEAPP_COPILOT_PASSWORD: password });
    expect(await withPassword(password)).toBe(200);
    const logs = "cat /var/log/one-appliance/* /etc/motd.d/* /etc/one-appliance/config";
    expect(output + (await ask(logs))).not.toContain(password);
    expect(await report()).toContain("password     = as given in ONEAPP_COPILOT_PASSWORD");
    await ask("! test -e /tmp/owned");
  });

  it.each([
    ["a line break", "first\nsecond"],
    ["a carriage return", "first\rsecond"],
    ["a tab", "a\tb c d e f"],
    ["more than OpenSSL would hash", "x".repeat(251)],
    ["more than 250 bytes in fewer letters", "ü".repeat(130)],
  ])("is refused with %s, and nothing changes", async (_, password) => {
    await configure({ ONEAPP_COPILOT_PASSWORD: "the first one" });
    const before = await readConfiguration();
    const { exitCode, output } = await appliance.service("configure", {
      ONEAPP_COPILOT_PASSWORD: password,
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("ERROR [!!]: ONEAPP_COPILOT_PASSWORD ");
    expect(output).toContain("The context is refused, and nothing was changed");
    expect(output).not.toContain(password);
    expect(await ask("cat /etc/one-appliance/status")).toBe("configure_failure");
    expect(await readConfiguration()).toBe(before);
    expect(await withPassword("the first one")).toBe(200);
  });

  it("is generated, shown to root and reused where none is given", async () => {
    await appliance.reset();
    const output = await appliance.boot();
    const password = /^password {5}= (\S{24})$/m.exec(await report())?.[1] ?? "";
    expect(password).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(await withPassword(password)).toBe(200);
    expect(await withKey(password)).toBe(200);
    expect(output + (await ask("cat /var/log/one-appliance/*"))).not.toContain(password);
    await appliance.boot();
    expect(await report()).toContain(password);
    expect(await withPassword(password)).toBe(200);
  });

  it("invalidates the old one when it changes, also as a key", async () => {
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: "the first one" });
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: "the second one" });
    expect(await withPassword("the second one")).toBe(200);
    expect(await withPassword("the first one")).toBe(401);
    expect(await withKey("the first one")).toBe(401);
  });
});

describe("ONEAPP_COPILOT_API_KEY", () => {
  beforeAll(() => appliance.reset());

  it.each(HOSTILE.filter(([, key]) => !key.includes(" ")))("may have %s", async (_, key) => {
    await configure({ ONEAPP_COPILOT_PASSWORD: "a password", ONEAPP_COPILOT_API_KEY: key });
    expect(await withKey(key)).toBe(200);
    expect(await withKey("a password")).toBe(401);
    expect(await withPassword("a password")).toBe(200);
    expect(await withPassword(key)).toBe(401);
    expect(await ask("cat /var/log/one-appliance/*")).not.toContain(key);
  });

  it.each([
    ["a space", "two words", "space"],
    ["a line break", "two\nlines", "line break"],
  ])("is refused with %s", async (_, key, reason) => {
    const { exitCode, output } = await appliance.service("configure", {
      ONEAPP_COPILOT_API_KEY: key,
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("ONEAPP_COPILOT_API_KEY has a");
    expect(output).toContain(reason);
    expect(output).not.toContain(key);
  });
});

describe("numbers", () => {
  beforeAll(() => appliance.reset());

  const chat = `-u "copilot:$P" -H 'Content-Type: application/json' -d '{"model":"devstral-small-2","messages":[{"role":"user","content":"hi"}]}'`;

  it("reach the engine, which is restarted for them", async () => {
    const P = "a password";
    await appliance.boot({ ONEAPP_COPILOT_PASSWORD: P });
    const first = (await appliance.curl("/v1/chat/completions", chat, { P })).text;
    expect(first).toContain(`threads=${await ask("nproc")}`);
    await appliance.boot({
      ONEAPP_COPILOT_PASSWORD: P,
      ONEAPP_COPILOT_THREADS: "1",
      ONEAPP_COPILOT_CONTEXT_SIZE: "010000",
    });
    const second = (await appliance.curl("/v1/chat/completions", chat, { P })).text;
    expect(second).toContain("threads=1 context_size=10000");
    expect(await ask("cat /opt/slm-copilot/models/*.yaml")).toContain("context_size: 10000");
  });

  it("are chosen by the machine where none are given", async () => {
    await appliance.boot();
    expect(await report()).toMatch(/^context_size = (2048|4096|8192|16384|32768)$/m);
    expect(await report()).toContain(`threads      = ${await ask("nproc")}`);
  });

  it("that slow the machine down are accepted with a warning", async () => {
    const output = await configure({
      ONEAPP_COPILOT_THREADS: "1000",
      ONEAPP_COPILOT_CONTEXT_SIZE: "262144",
    });
    expect(output).toContain("WARNING [!]: ONEAPP_COPILOT_THREADS is 1000");
    expect(output).toContain("WARNING [!]: A context of 262144 tokens may not fit");
  });

  it.each([
    "0",
    "-1",
    "1025",
    "1.5",
    "four",
    "1e3",
    "99999999999999999999",
    "a[$(touch /tmp/owned)]",
  ])("such as %s are refused, all at once", async (value) => {
    const { exitCode, output } = await appliance.service("configure", {
      ONEAPP_COPILOT_THREADS: value,
      ONEAPP_COPILOT_CONTEXT_SIZE: value === "1025" ? "262145" : value,
      ONEAPP_COPILOT_READY_TIMEOUT: value === "1025" ? "1" : value,
    });
    expect(exitCode).toBe(1);
    expect(output).toContain("ONEAPP_COPILOT_THREADS must be a whole number from 1 to 1024");
    expect(output).toContain(
      "ONEAPP_COPILOT_CONTEXT_SIZE must be a whole number from 512 to 262144",
    );
    expect(output).toContain("ONEAPP_COPILOT_READY_TIMEOUT must be a whole number from 5 to 86400");
    await ask("! test -e /tmp/owned");
  });
});

describe("every boot", () => {
  beforeEach(() => appliance.reset());

  it("changes nothing when the context is the same", async () => {
    const context = { ONEAPP_COPILOT_PASSWORD: "a password" };
    await appliance.boot(context);
    const before = await readConfiguration();
    const engine = await ask("pgrep -f 'local-ai run'");
    await appliance.boot(context);
    expect(await readConfiguration()).toBe(before);
    expect(await ask("pgrep -f 'local-ai run'")).toBe(engine);
  });

  it("gives each file the mode and the owner that it needs, whatever the umask", async () => {
    await appliance.boot();
    const modes = await ask(`stat -c '%n %a %U:%G' /etc/slm-copilot /etc/slm-copilot/password \\
      /etc/slm-copilot/local-ai.env /etc/slm-copilot/tls/*.key /etc/slm-copilot/tls/selfsigned.crt \\
      /etc/nginx/slm-copilot /etc/nginx/slm-copilot/{htpasswd,key.conf,cors.conf} \\
      /etc/nginx/sites-available/slm-copilot /opt/slm-copilot{,/bin,/models,/backends} \\
      /opt/slm-copilot/models/* /etc/one-appliance/config /etc/motd.d/slm-copilot /var/lib/slm-copilot`);
    expect(modes.split("\n").map((line) => line.split("/").at(-1))).toEqual([
      "slm-copilot 700 root:root",
      "password 600 root:root",
      "local-ai.env 600 root:root",
      "selfsigned.key 600 root:root",
      "server.key 777 root:root",
      "selfsigned.crt 644 root:root",
      "slm-copilot 750 root:www-data",
      "htpasswd 640 root:www-data",
      "key.conf 600 root:root",
      "cors.conf 644 root:root",
      "slm-copilot 644 root:root",
      "slm-copilot 755 root:root",
      "bin 755 root:root",
      "models 755 root:root",
      "backends 755 root:root",
      "Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf 644 root:root",
      "devstral-small-2.yaml 644 root:root",
      "config 600 root:root",
      "slm-copilot 644 root:root",
      "slm-copilot 750 slm-copilot:slm-copilot",
    ]);
    expect(await ask("ps -o user= -C local-ai,python3 | sort -u")).toBe("slm-copilot");
    await ask("! test -e /run/slm-copilot-scratch");
  });

  it("shows the address in the report and the greeting, and no secret in the greeting", async () => {
    await appliance.boot();
    const text = await report();
    expect(text).toMatch(/^status {7}= ready$/m);
    expect(text).toMatch(/^base_url {5}= https:\/\/127\.0\.0\.1\/v1$/m);
    expect(text).toMatch(/^Model ID {5}= devstral-small-2$/m);
    const password = /^password {5}= (\S+)$/m.exec(text)?.[1] ?? "?";
    const greeting = await ask("cat /etc/motd.d/slm-copilot");
    expect(greeting).toContain("devstral-small-2 at https://127.0.0.1/v1 is ready");
    expect(greeting).not.toContain(password);
  });

  it.each([
    ["ends", "crash", "LocalAI keeps ending"],
    ["is never ready", "never-ready", "LocalAI was not ready within 5 s (/readyz says 503)"],
    ["answers with no text", "mute", "Asking through nginx: the completion has no text"],
  ])("fails when the engine %s, and says so", async (_, behaviour, words) => {
    const model = "/opt/slm-copilot/models/*.gguf";
    await ask(`cp ${model} /tmp/model && echo 'standin: ${behaviour}' >>$(echo ${model})`);
    try {
      await appliance.service("configure", {});
      const { exitCode, output } = await appliance.service("bootstrap", {
        ONEAPP_COPILOT_READY_TIMEOUT: "5",
      });
      expect(exitCode).toBe(1);
      expect(output).toContain(`ERROR [!!]: ${words}`);
      expect(await ask("cat /etc/one-appliance/status")).toBe("bootstrap_failure");
      expect(await report()).toContain("status       = starting");
    } finally {
      await ask(`cat /tmp/model >$(echo ${model})`);
    }
    // The next boot is not affected by the failure.
    await appliance.boot();
    expect(await report()).toContain("status       = ready");
  });
});
