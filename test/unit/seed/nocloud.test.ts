import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { composeSeed } from "../../../src/seed/nocloud.js";
import type { SeedOptions } from "../../../src/seed/nocloud.js";
import { reviewUserData } from "../../../src/seed/review.js";
import { readUserData } from "../../../src/seed/user-data.js";
import { errorOf } from "../../support/inputs.js";

const keys = makeBuildKeys();
const options: SeedOptions = { instanceId: "vmbuild-1", hostname: "demo", user: "root", keys };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-seed-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function userData(text: string | Buffer): Promise<string> {
  const path = join(folder, "user-data.yaml");
  await writeFile(path, text);
  return path;
}

async function configOf(more: Partial<SeedOptions> = {}): Promise<Record<string, unknown>> {
  const text = String((await composeSeed({ ...options, ...more }))["user-data"]);
  expect(text.startsWith("#cloud-config\n")).toBe(true);
  return parse(text) as Record<string, unknown>;
}

/** Returns the parts of the MIME message in a seed with user-data: headers and body of each. */
async function partsOf(content: string | Buffer, user = "root") {
  const path = await userData(content);
  const message = (await composeSeed({ ...options, user, userData: path }))["user-data"];
  if (typeof message === "string") throw new Error("user-data of one's own makes a message");
  const text = message.toString("latin1");
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? "";
  const [head, ...parts] = text.split(`\n--${boundary}`);
  expect(head).toBe(`MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n`);
  expect(parts.pop()).toBe("--\n");
  return parts.map((part) => {
    const end = part.indexOf("\n\n");
    return { headers: part.slice(1, end), body: part.slice(end + 2), whole: part.slice(1) };
  });
}

/** Returns the template's user-data as cloud-init gets it; it is encoded unless it is MIME. */
async function carried(content: string | Buffer): Promise<Buffer> {
  const [part] = await partsOf(content);
  expect(part?.headers.split("\n")).toEqual([
    "Content-Type: text/x-not-multipart",
    "Content-Transfer-Encoding: base64",
  ]);
  return Buffer.from(part?.body ?? "", "base64");
}

const BUILDS_OWN = {
  disable_root: false,
  ssh_pwauth: false,
  ssh_authorized_keys: [keys.client.public],
  ssh_keys: { ed25519_private: keys.host.private, ed25519_public: keys.host.public },
};

describe("without user-data", () => {
  it("has what a build needs, and the modules for that alone", async () => {
    expect(await configOf()).toEqual({
      ...BUILDS_OWN,
      users: [[]],
      bootcmd: [expect.stringContaining("systemctl --no-block stop cloud-config.service")],
      cloud_init_modules: ["seed_random", "bootcmd", "growpart", "resizefs", "users-groups", "ssh"],
      cloud_config_modules: [],
      cloud_final_modules: [],
    });
  });

  it("gives the key to another user than root", async () => {
    const config = await configOf({ user: "builder" });
    expect(config["users"]).toEqual([
      {
        name: "builder",
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
        ssh_authorized_keys: [keys.client.public],
      },
      [],
    ]);
    expect(config["ssh_authorized_keys"]).toBeUndefined();
  });

  it("sets no password for any user", async () => {
    expect(JSON.stringify(await configOf())).not.toMatch(/passw?d(?!auth)|chpasswd/);
  });

  it("names the instance, and brings no network-config", async () => {
    const files = await composeSeed(options);
    expect(parse(files["meta-data"])).toEqual({
      "instance-id": "vmbuild-1",
      "local-hostname": "demo",
    });
    expect(Object.keys(files)).toEqual(["user-data", "meta-data"]);
  });
});

describe("with user-data", () => {
  it.each([
    [
      "YAML 1.1 and comments",
      "#cloud-config\n# why\npermissions: 0640\nt: 22:22\nb: !!binary aGk=\n",
    ],
    ["no line end", "#cloud-config\nruncmd: [a]"],
    ["CRLF", "#cloud-config\r\nruncmd: [a]\r\n"],
    ["blank lines and capitals", "\n\n #Cloud-Config\nruncmd: [a]\n"],
    ["a key twice", "#cloud-config\na: 1\na: 2\n"],
    ["users that are no list", "#cloud-config\nusers: default,app\nssh_authorized_keys: k\n"],
    ["jinja", "## template: jinja\n#cloud-config\nhostname: {{ v1.x }}\n"],
    ["a script", "#!/bin/sh\necho\n"],
    ["bytes that are no UTF-8", Buffer.from("#!/bin/sh\necho \xff\xe9\n", "latin1")],
    ["an include", "#include\nhttps://example.org/user-data\n"],
    ["a boothook", "#cloud-boothook\n#!/bin/sh\n"],
    ["an archive", "#cloud-config-archive\n- type: text/cloud-config\n"],
    ["a patch", '#cloud-config-jsonp\n[{"op":"add","path":"/a","value":1}]\n'],
    ["a part handler", "#part-handler\n"],
    ["a script with a message in it", "#!/bin/sh\ncat <<X\nMIME-Version: 1.0\nX\n"],
    ["nothing", ""],
  ])("carries %s byte for byte", async (_, content) => {
    expect(await carried(content)).toEqual(Buffer.from(content));
  });

  it("removes gzip and a byte order mark, which cloud-init does not support", async () => {
    const text = "#cloud-config\nruncmd: [a]\n";
    expect(String(await carried(gzipSync(text)))).toBe(text);
    expect(String(await carried(`\u{feff}${text}`))).toBe(text);
    expect(String(await carried(gzipSync(`\u{feff}${text}`)))).toBe(text);
  });

  it("embeds a MIME message unchanged, with its parts", async () => {
    const message = [
      'Content-Type: multipart/mixed; boundary="b"',
      "MIME-Version: 1.0",
      "",
      "--b",
      "Content-Type: text/cloud-config",
      "",
      "#cloud-config",
      "--b--",
    ].join("\r\n");
    expect((await partsOf(message))[0]?.whole).toBe(message);
    expect((await partsOf(gzipSync(message)))[0]?.whole).toBe(message);
  });

  it("adds a boothook for the build's login, the host key, and missing settings", async () => {
    const [, hook, config, ...more] = await partsOf("#cloud-config\n");
    expect(more).toEqual([]);
    expect(hook?.headers).toContain('text/cloud-boothook; charset="us-ascii"');
    expect(hook?.body).toContain(`user=root key='${keys.client.public.trim()}'`);
    expect(config?.headers).toContain("text/cloud-config");
    expect(parse(config?.body ?? "")).toEqual({
      merge_how: "dict(no_replace,recurse_str)+str()",
      disable_root: false,
      ssh_pwauth: false,
      ssh_keys: { ed25519_private: keys.host.private, ed25519_public: keys.host.public },
    });
  });

  it("creates no users in the cloud-config, and lets another user than root log in", async () => {
    const [, hook, config] = await partsOf("#cloud-config\nusers: [default]\n", "builder");
    expect(hook?.body).toContain("user=builder ");
    expect(config?.body).not.toContain("users");
  });

  it.each(["ssh_keys:", "ssh_keys: mine", "ssh_keys: [a]"])(
    "puts the host key in place of %s",
    async (line) => {
      const [, , beside, instead] = await partsOf(`#cloud-config\n${line}\n`);
      expect(parse(beside?.body ?? "")).not.toHaveProperty("ssh_keys");
      expect(parse(instead?.body ?? "")).toMatchObject({
        merge_how: "dict(replace)",
        ssh_keys: { ed25519_public: keys.host.public },
      });
    },
  );

  it("creates the same message for the same user-data", async () => {
    const path = await userData("#!/bin/sh\n");
    const [one, other] = await Promise.all([
      composeSeed({ ...options, userData: path }),
      composeSeed({ ...options, userData: path }),
    ]);
    expect(one).toEqual(other);
  });

  it("uses a network-config unchanged", async () => {
    const path = join(folder, "network.yaml");
    await writeFile(path, "version: 2\n# a comment\n");
    const files = await composeSeed({ ...options, networkConfig: path });
    expect(files["network-config"]).toEqual(await readFile(path));
  });

  it("names a file that cannot be read", async () => {
    const path = join(folder, "nothing.yaml");
    const error = await errorOf(composeSeed({ ...options, userData: path }));
    expect(error).toMatchObject({ code: "TEMPLATE_INVALID" });
    expect(error.message).toContain(path);
  });
});

describe("readUserData", () => {
  const refusal = (content: string | Buffer) =>
    errorOf(Promise.resolve().then(() => readUserData(Buffer.from(content), "u.yaml")));

  it.each([
    ["a: 1\n", "does not begin with #cloud-config or another header that cloud-init recognizes"],
    ["#cloud-config\na: [1\n", "is not YAML"],
    ["#cloud-config\na: *nothing\n", "is not YAML"],
    ["#cloud-config\n- a\n", "is not a mapping"],
    ["#cloud-config\njust text\n", "is not a mapping"],
    [Buffer.from("#cloud-config\na: \xe9\n", "latin1"), "is not UTF-8"],
    [Buffer.from("\u{feff}#cloud-config\n", "utf16le"), "is UTF-16"],
    [
      gzipSync("#cloud-config\n").subarray(0, 20),
      "cannot be unpacked as gzip: unexpected end of file",
    ],
  ])("refuses %j", async (content, message) => {
    const error = await refusal(content);
    expect(error.code).toBe("TEMPLATE_INVALID");
    expect(error.message).toBe(`u.yaml: ${message}`);
  });

  it("reports what a MIME message lacks", async () => {
    const { hint } = await refusal('Content-Type: multipart/mixed; boundary="b"\n\n--b--\n');
    expect(hint).toContain("MIME-Version");
  });
});

describe("reviewUserData", () => {
  const review = (text: string, user = "root") =>
    reviewUserData(readUserData(Buffer.from(text), "u.yaml"), user).map(
      ({ level, message }) => `${level}: ${message}`,
    );

  it("reports nothing about user-data that reaches cloud-init unchanged", () => {
    const text = "users: default\nssh_pwauth: true\nssh_deletekeys: false\nruncmd: [a]";
    expect(review(`#cloud-config\n${text}\n`)).toEqual([]);
    expect(review("#!/bin/sh\n")).toEqual([]);
    expect(review("#cloud-config\nssh_keys: {rsa_private: a}\n")).toEqual([]);
  });

  it.each([
    [
      "ssh_keys: {ed25519_private: a}",
      /^warning: ssh_keys: during the build, its own ed25519 host key/,
    ],
    ["ssh_keys: text", /^warning: ssh_keys: during the build/],
    ["ssh_genkeytypes: [rsa]", /^warning: ssh_genkeytypes: no host keys are generated/],
    ["disable_root: true", /^note: disable_root: this applies to the keys in the user-data/],
    ['disable_root: "on"', /^note: disable_root/],
    ["ssh_authorized_keys: ssh-ed25519 A", /^warning: ssh_authorized_keys is not a list/],
    ["cloud_init_modules: [bootcmd]", /^warning: cloud_init_modules: without the ssh module/],
    ["power_state: {mode: poweroff}", /^problem: power_state: mode poweroff powers/],
    ["power_state: {mode: halt, condition: test -e /x}", /^warning: power_state: mode halt/],
  ])("says what becomes of %s", (text, words) => {
    const archived = text.replaceAll("\n", "\n    ");
    for (const whole of [
      `#cloud-config\n${text}\n`,
      `## template: jinja\n#cloud-config\n${text}\n`,
      `#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    ${archived}\n`,
    ]) {
      const [remark, ...more] = review(whole);
      expect(remark).toMatch(words);
      expect(more).toEqual([]);
    }
  });

  it.each([
    "disable_root: false",
    "cloud_init_modules: [[ssh, always]]",
    "power_state: {mode: reboot}",
    "power_state: {mode: poweroff, condition: false}",
  ])("takes %s", (text) => {
    expect(review(`#cloud-config\n${text}\n`)).toEqual([]);
  });

  it("reports nothing about root where the build logs in as another user", () => {
    expect(review("#cloud-config\ndisable_root: true\n", "builder")).toEqual([]);
  });

  it("reports an empty file", () => {
    expect(review("\n")).toEqual([expect.stringMatching(/^warning: The user-data is empty/)]);
  });
});
