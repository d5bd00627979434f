/** The acceptance section: defaults and errors. */
import { describe, expect, it } from "vitest";
import { load, loadError, templateText } from "./support.js";

const section = (acceptance: Record<string, unknown>): string => templateText({ acceptance });
const withChecks = (...checks: unknown[]): string => section({ checks });

describe("the acceptance section", () => {
  it("may be left out", async () => {
    expect((await load(templateText())).acceptance).toBeUndefined();
  });

  it("fills in defaults", async () => {
    const { acceptance } = await load(
      withChecks(
        { name: "up", http: "/", within: "5m" },
        { name: "cmd", run: "true" },
        { name: "units", system: "no-failed-units" },
        { name: "quick", system: "boot-time", atMost: "90s" },
      ),
    );
    expect(acceptance).toMatchObject({
      boot: { timeout: 600_000 },
      endpoint: { scheme: "https", insecure: false },
      rounds: [],
      checks: [
        { http: "/", status: [200], auth: "none", timeout: 60_000, within: 300_000 },
        { run: ["true"], exitCode: 0, within: 0 },
        { system: "no-failed-units", allow: [], timeout: 300_000 },
        { system: "boot-time", atMost: 90_000 },
      ],
    });
  });

  it("replaces variables, but not the shell's own", async () => {
    const { acceptance } = await load(
      templateText({
        variables: { model: { default: "devstral" }, port: { default: 8443 } },
        acceptance: {
          endpoint: { port: "${var.port}" },
          checks: [
            { name: "${var.model}", http: "/", json: { model: "${var.model}" } },
            { name: "home", run: "echo ${HOME} ${var.model}" },
          ],
        },
      }),
    );
    expect(acceptance).toMatchObject({
      endpoint: { port: 8443 },
      checks: [
        { name: "devstral", json: { model: "devstral" } },
        { run: ["echo ${HOME} devstral"] },
      ],
    });
  });

  it.each([
    [{ name: "x", htpp: "/" }, 'unknown key "htpp"'],
    [{ name: "x", run: "true", status: 200 }, 'unknown key "status"'],
    ["x", 'a check has exactly one of "http", "run" and "system"'],
    [{ name: "x", http: "readyz" }, "a path begins with /"],
    [{ name: "x", http: "/", satus: 200 }, 'unknown key "satus"'],
    [{ name: "x", http: "/", auth: "basic" }, "basic authentication requires credentials.user"],
    [{ name: "x", http: "/", body: "a", json: {} }, 'a request has "body" or "json", not both'],
    [{ name: "x", http: "/", expect: { body: "(" } }, "Invalid regular expression"],
    [
      { name: "x", http: "/", expect: { json: { "a[": "b" } } },
      '"a[" is not a valid JSONPath (RFC 9535): unclosed bracketed selection at character 3',
    ],
    [{ name: "x", system: "boot-time" }, 'boot-time requires "atMost"'],
    [
      { name: "x", system: "no-failed-units", atMost: "5s" },
      '"atMost" is valid for boot-time only',
    ],
    [{ name: "x", system: "units" }, 'expected one of "no-failed-units"'],
    [{ name: "x", run: "true", within: "5" }, "is not a valid duration"],
  ])("refuses the check %j", async (check, words) => {
    const { code, lines } = await loadError(withChecks(check));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines.join("\n")).toContain(words);
    expect(lines[0]).toMatch(/^t\.json:1:\d+: acceptance\.checks\[0\]/);
  });

  it("refuses two checks of one name, also in a round beside the common ones", async () => {
    const check = { name: "x", run: "true" };
    const one = { name: "y", run: "true" };
    expect((await loadError(withChecks(check, check))).lines[0]).toContain(
      'the name "x" is used by another check',
    );
    const rounds = [{ name: "again", checks: [one, check] }];
    expect((await loadError(section({ checks: [check], rounds }))).lines).toEqual([
      expect.stringContaining(
        'acceptance.rounds[0].checks[1].name: the name "x" is used by another check',
      ),
    ]);
    // Two rounds may have checks of the same name.
    const two = [1, 2].map((n) => ({ name: `round ${n}`, checks: [one] }));
    await load(section({ checks: [check], rounds: two }));
  });

  it("refuses a context variable that no shell can have", async () => {
    const { lines } = await loadError(
      section({ boot: { context: { "A B": "1" } }, checks: [{ name: "x", run: "true" }] }),
    );
    expect(lines[0]).toContain("not a valid name for a CONTEXT variable");
  });
});
