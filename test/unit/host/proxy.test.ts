import { describe, expect, it } from "vitest";
import { isExempt } from "../../../src/host/no-proxy.js";
import { proxyFor, proxyPasswords } from "../../../src/host/proxy.js";

const HTTP = new URL("http://files.example.org/a");
const HTTPS = new URL("https://files.example.org/a");

describe("the proxy of an address", () => {
  it.each([
    ["proxy.example.org:3128", "http://proxy.example.org:3128"],
    ["http://proxy.example.org:3128/", "http://proxy.example.org:3128"],
    ["HTTP://proxy.example.org:3128", "http://proxy.example.org:3128"],
    ["https://proxy.example.org:3129", "https://proxy.example.org:3129"],
    ["  127.0.0.1:3128 ", "http://127.0.0.1:3128"],
    ["[::1]:3128", "http://[::1]:3128"],
    ["proxy_1.example.org:3128", "http://proxy_1.example.org:3128"],
    ["user:secret@proxy:3128", "http://proxy:3128"],
    ["socks5h://127.0.0.1:1080", "socks5h://127.0.0.1:1080"],
  ])("is read from %s", (http_proxy, address) => {
    expect(proxyFor(HTTP, { http_proxy })?.address).toBe(address);
  });

  it.each([
    ["http://u:p%40ss@h:1", { user: "u", password: "p@ss" }],
    ["http://u:p@ss#w/rd?@h:1", { user: "u", password: "p@ss#w/rd?" }],
    ["u:50%@h:1", { user: "u", password: "50%" }],
    ["http://u@h:1", { user: "u", password: "" }],
    ["http://h:1", undefined],
  ])("has the credentials of %s", (http_proxy, credentials) => {
    expect(proxyFor(HTTP, { http_proxy })?.credentials).toEqual(credentials);
  });

  it.each([
    ["http", { http_proxy: "l:1", HTTP_PROXY: "u:1" }, HTTP, "http_proxy"],
    ["http", { http_proxy: "", HTTP_PROXY: "u:1" }, HTTP, "HTTP_PROXY"],
    ["http", { HTTP_PROXY: "u:1", REQUEST_METHOD: "GET" }, HTTP, undefined],
    ["http", { https_proxy: "l:1" }, HTTP, undefined],
    ["https", { http_proxy: "l:1" }, HTTPS, undefined],
    ["https", { https_proxy: "l:1", all_proxy: "a:1" }, HTTPS, "https_proxy"],
    ["https", { HTTPS_PROXY: "u:1" }, HTTPS, "HTTPS_PROXY"],
    ["https", { all_proxy: "l:1", ALL_PROXY: "u:1" }, HTTPS, "all_proxy"],
    ["http", { ALL_PROXY: "u:1" }, HTTP, "ALL_PROXY"],
    ["http", { http_proxy: "l:1", no_proxy: "example.org" }, HTTP, undefined],
    ["http", { http_proxy: "l:1", no_proxy: "", NO_PROXY: "*" }, HTTP, undefined],
    ["http", { http_proxy: "l:1", no_proxy: "other.org", NO_PROXY: "*" }, HTTP, "http_proxy"],
  ])("for %s with %o is named by the right variable", (_, env, address, variable) => {
    expect(proxyFor(address, env)?.variable).toBe(variable);
  });

  it.each([
    "http://",
    ":3128",
    "http://:3128",
    "host:99999",
    "host:port",
    "ftp://host:21",
    "socks4://host:1080",
    "http://host name:3128",
    "'http://host:3128'",
    "http://[::1:3128",
    "host:0",
  ])("is refused when the variable holds %s", (HTTPS_PROXY) => {
    expect(() => proxyFor(HTTPS, { HTTPS_PROXY })).toThrow(
      expect.objectContaining({
        code: "HOST_ENVIRONMENT",
        exitCode: 3,
        message: expect.stringContaining("HTTPS_PROXY") as string,
      }) as Error,
    );
  });

  it("shows no password in the error", () => {
    const all_proxy = "http://user:hunter2@host:99999";
    expect(() => proxyFor(HTTP, { all_proxy })).toThrow(/http:\/\/\*\*\*@host:99999/);
  });

  it("is not checked for a host that needs none", () => {
    expect(proxyFor(HTTP, { http_proxy: "http://", no_proxy: "*" })).toBeUndefined();
  });

  it("has passwords that are masked", () => {
    const env = { http_proxy: "u:one@h:1", HTTPS_PROXY: "http://u:tw%6F@h:1", all_proxy: "h:1" };
    expect(proxyPasswords(env)).toEqual(["one", "two"]);
  });
});

describe("no_proxy", () => {
  it.each([
    ["*", "http://anything.example"],
    ["example.org", "http://example.org"],
    ["example.org", "http://www.example.org"],
    [".example.org", "http://example.org"],
    [".example.org", "http://www.example.org"],
    ["*.example.org", "http://a.b.example.org"],
    ["EXAMPLE.org", "http://www.Example.ORG"],
    ["example.org.", "http://example.org"],
    ["example.org", "http://example.org."],
    ["a.org, example.org ,b.org", "http://example.org"],
    ["a.org example.org", "http://example.org"],
    ["example.org:8080", "http://example.org:8080"],
    ["example.org:80", "http://example.org"],
    ["example.org:443", "https://www.example.org"],
    ["10.0.0.0/8", "http://10.1.2.3:8080"],
    ["10.1.2.3", "http://10.1.2.3"],
    ["10.1.2.3:8080", "http://10.1.2.3:8080"],
    ["10.0.0.0/8:8080", "http://10.1.2.3:8080"],
    ["192.168.*", "http://192.168.7.1"],
    ["::1", "http://[::1]:80"],
    ["[::1]", "http://[::1]"],
    ["[::1]:8080", "http://[::1]:8080"],
    ["fd00::/8", "https://[fd12:3456::1]"],
    ["[fd00::]/8", "https://[fd12:3456::1]"],
    ["FD00:0:0::1", "https://[fd00::1]"],
    ["0.0.0.0/0", "http://1.2.3.4"],
  ])("%s exempts %s", (list, address) => {
    expect(isExempt(new URL(address), list)).toBe(true);
  });

  it.each([
    ["", "http://example.org"],
    [" , ", "http://example.org"],
    ["example.org", "http://notexample.org"],
    ["example.org", "http://example.org.evil.net"],
    ["www.example.org", "http://example.org"],
    ["example.org:8080", "http://example.org"],
    ["10.0.0.0/8", "http://11.0.0.1"],
    ["10.0.0.0/33", "http://10.0.0.1"],
    ["10.0.0.0/8", "http://10.example.org"],
    ["0.1", "http://127.0.0.1"],
    ["10.1.2.3:8080", "http://10.1.2.3"],
    ["::1", "http://[::2]"],
    ["[::1]:8080", "http://[::1]:8081"],
    ["fd00::/8", "https://[fe80::1]"],
    [".", "http://example.org"],
    ["exa+mple.org", "http://exammple.org"],
  ])("%j does not exempt %s", (list, address) => {
    expect(isExempt(new URL(address), list)).toBe(false);
  });
});
