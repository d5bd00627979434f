/** validate, inspect, schema and init, as processes. */
import { execFileSync } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const TEMPLATE = { name: "t", base: { bootstrap: { suite: "bookworm" } } };

describe("vmbuild validate", () => {
  it("reports a valid template in a line", async () => {
    await home.write({
      "t.json": { ...TEMPLATE, steps: [{ name: "a", actions: [{ script: "a.sh" }] }] },
      "a.sh": "#!/bin/sh\ntrue\n",
    });
    expect(await home.run("validate", "t.json")).toEqual({
      exitCode: 0,
      stdout: "t.json: valid (1 step, 0 inputs)",
      stderr: "",
    });
  });

  it("warns about a file on the host that a download would replace", async () => {
    const actions = [
      { download: "/etc/motd", hostPath: "there" },
      { download: "/etc/hosts", hostPath: "./" },
      { download: "/etc/motd", hostPath: "there", overwrite: true },
      { download: "/etc/motd", hostPath: "new" },
    ];
    await home.write({
      "t.json": { ...TEMPLATE, steps: [{ name: "a", actions }] },
      there: "",
      hosts: "",
    });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(0);
    expect(stderr.match(/steps\[0\]\.actions\[\d\]\.download: .* exists on the host/g)).toEqual([
      "steps[0].actions[0].download: there exists on the host",
      "steps[0].actions[1].download: ./ exists on the host",
    ]);
  });

  it("refuses Windows line endings in shell scripts, and warns about others", async () => {
    const crlf = (...lines: string[]): string => lines.map((line) => `${line}\r\n`).join("");
    await home.write({
      "t.json": {
        ...TEMPLATE,
        steps: [
          {
            name: "a",
            actions: [
              { script: "shell.sh" },
              { script: "plain" },
              { script: "script.py" },
              { script: "request.sh" },
              { run: ["true", "false || true\r"] },
              { run: crlf("true", "true"), shell: "bash" },
              { wait: "true\r" },
              { local: crlf("true") },
              { write: "/x", content: crlf("#!/bin/sh", "true") },
              { write: "/x", content: crlf("any text") },
            ],
            verify: ["true\r"],
          },
        ],
      },
      "shell.sh": crlf("#!/usr/bin/env bash", "true"),
      plain: crlf("true"),
      "script.py": crlf("#!/usr/bin/python3", "pass"),
      "request.sh": "#!/bin/sh\ncat <<X\nGET / HTTP/1.1\r\nX\n",
    });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    const places = [
      ...stderr.matchAll(/(steps\S+): (\S+|the text) has Windows line endings \(CRLF\), which/g),
    ];
    expect(places.map(([, place, name]) => `${place} ${name}`).toSorted()).toEqual([
      "steps[0].actions[0].script shell.sh",
      "steps[0].actions[1].script plain",
      "steps[0].actions[4].run the text",
      "steps[0].actions[5].run the text",
      "steps[0].actions[6].wait the text",
      "steps[0].actions[7].local the text",
      "steps[0].actions[8].content the text",
      "steps[0].verify[0] the text",
    ]);
    // Warnings are wrapped into lines.
    const text = stderr.replaceAll(/\s+/g, " ");
    const warned = ["plain does not", "script.py has Windows line endings (CRLF) warning:"];
    const order = [...warned, "request.sh has a carriage return (CR)"].map((part) =>
      text.indexOf(part),
    );
    // In the order of the template, although files are checked in parallel.
    expect(order).toEqual(order.filter((at) => at >= 0).toSorted((one, other) => one - other));
  });

  it("refuses downloads that leave the output folder", async () => {
    const actions = ["/precious", "..", ".", "${var.place}"].map((to) => ({
      download: "/etc/apt",
      to,
    }));
    await home.write({
      "t.json": {
        ...TEMPLATE,
        variables: { place: { default: "../x" } },
        steps: [{ name: "a", actions }],
      },
    });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("[TEMPLATE_INVALID]");
    for (const index of actions.keys()) {
      expect(stderr).toContain(`steps[0].actions[${index}].to: `);
    }
  });

  it("names the missing backing file of a local base", async () => {
    const args = ["create", "-q", "-u", "-f", "qcow2", "-b", "gone.raw", "-F", "raw", "top.qcow2"];
    execFileSync("qemu-img", [...args, "1G"], { cwd: home.folder });
    await home.write({ "t.json": { ...TEMPLATE, base: { path: "top.qcow2" } } });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      `base: The image ${home.folder}/top.qcow2 uses ${home.folder}/gone.raw, which does not exist`,
    );
  });

  it("lists every file that is missing and every script that cannot be read, at once", async () => {
    await home.write({
      "t.json": {
        ...TEMPLATE,
        inputs: {
          here: { path: "nowhere" },
          later: { git: "https://example.org/x.git", ref: "v1" },
          sums: { url: "https://example.org/x", checksum: "file:SUMS" },
        },
        machine: { disk: "1G" },
        seed: { userData: "user-data", networkConfig: "network" },
        steps: [
          {
            name: "a",
            actions: [
              { script: "missing.sh" },
              { script: "broken.sh" },
              { script: "plain" },
              { script: "other.xyz" },
              { script: "${input.later}/x.sh" },
              { run: ["if true", "echo ${HOME}"] },
              { run: "[[ a == a ]] && x=(1 2)", shell: "bash" },
              { write: "/x.sh", content: ["#!/bin/bash", "fi"] },
              { upload: "nothing", to: "/x" },
              { local: "make thing" },
              { upload: "thing", to: "/x" },
            ],
            skipIf: "if true",
            verify: ["true )"],
          },
        ],
      },
      "broken.sh": "#!/bin/bash\nif\n",
      plain: "true\n",
      "other.xyz": "#!/usr/bin/env frobnicate\n",
      "user-data": "packages: [jq]\n",
      network: "a: [\n",
    });
    const { exitCode, stdout, stderr } = await home.run("validate", "t.json");
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const text = stderr.replaceAll(/t\.json:\d+:\d+: /g, "");
    for (const line of [
      "machine.disk: 1 GiB cannot hold the base, which has 3 GiB",
      "inputs.here: nowhere does not exist",
      "inputs.sums.checksum: SUMS does not exist",
      "seed.userData: user-data: does not begin with #cloud-config",
      "seed.networkConfig: network is not YAML",
      "steps[0].actions[0].script: missing.sh does not exist",
      "steps[0].actions[1].script: broken.sh: line 3: syntax error",
      "steps[0].actions[5].run: sh: 3: ",
      "steps[0].actions[7].content: bash: line 2: syntax error",
      "steps[0].actions[8].upload: nothing does not exist",
      "steps[0].skipIf: sh: 2: ",
      "steps[0].verify[0]: sh: 1: ",
      "warning: steps[0].actions[2].script: plain does not begin with #!",
      "note: other.xyz: /usr/bin/env frobnicate has no syntax check",
      "note: the input later has not been fetched",
      "note: thing does not exist; an earlier local action may create it",
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain("error: t.json has 12 problems [TEMPLATE_INVALID]");
  });

  it("reports several templates as one object, and never a secret", async () => {
    await home.write({
      "good.json": TEMPLATE,
      "bad.json": {
        ...TEMPLATE,
        variables: { token: { default: "S3CRET-token", sensitive: true } },
        steps: [{ name: "a", actions: [{ script: "${var.token}.sh" }] }],
      },
    });
    const { exitCode, stdout, stderr } = await home.run(
      "validate",
      "good.json",
      "bad.json",
      "--json",
    );
    expect(exitCode).toBe(2);
    expect(stdout + stderr).not.toContain("S3CRET");
    const { results } = JSON.parse(stdout) as { results: unknown[] };
    expect(results).toMatchObject([
      { name: "t", valid: true, problems: [] },
      { valid: false, problems: [expect.stringContaining("***.sh does not exist")] },
    ]);
  });

  it("compares the disk with a local base", async () => {
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(home.folder, "b.qcow2"), "2G"]);
    await home.write({ "t.json": { name: "t", base: { path: "b.qcow2" } } });
    expect((await home.run("validate", "t.json")).exitCode).toBe(0);
    const { exitCode, stderr } = await home.run("validate", "t.json", "--disk", "1G");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--disk: machine.disk: 1 GiB cannot hold the base, which has 2 GiB");
  });
});

describe("vmbuild validate of a local base", () => {
  it.each([
    ["page.qcow2", "<!DOCTYPE html><html></html>", "is an HTML page"],
    ["empty.raw", "", "is empty"],
    ["zeros.img", "\0".repeat(100_000), "is a file that begins with zeros"],
  ])("names what %s is", async (name, content, parsed) => {
    await home.write({ "t.json": { name: "t", base: { path: name } }, [name]: content });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`base: The base ${name} ${parsed}`);
  });

  it("inspects archives without unpacking them", async () => {
    const { folder } = home;
    await home.write({ "page.html": "<html></html>", notes: "text ".repeat(200) });
    const inFolder = { cwd: folder };
    execFileSync("tar", ["-czf", "none.tar.gz", "page.html", "notes"], inFolder);
    execFileSync("gzip", ["-k", "page.html"], inFolder);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "disk.qcow2", "2G"], inFolder);
    execFileSync("tar", ["-cJf", "one.tar.xz", "notes", "disk.qcow2"], inFolder);
    execFileSync("cp", ["disk.qcow2", "b.qcow2"], inFolder);
    execFileSync("zip", ["-q", "two.zip", "b.qcow2", "disk.qcow2"], inFolder);
    execFileSync("qemu-img", ["create", "-q", "-f", "vmdk", "disk.vmdk", "3G"], inFolder);
    const validate = async (path: string, ...args: string[]): Promise<string> => {
      await home.write({ "t.json": { name: "t", base: { path } } });
      const { stderr } = await home.run("validate", "t.json", ...args);
      return stderr;
    };
    expect(await validate("none.tar.gz")).toContain("is an archive with no disk image");
    expect(await validate("page.html.gz")).toContain("The content of the base page.html.gz is an");
    expect(await validate("two.zip")).toContain("several disk images: b.qcow2, disk.qcow2");
    expect(await validate("one.tar.xz")).toContain("the size of the image in it is not checked");
    expect(await validate("disk.vmdk", "--disk", "2G")).toContain(
      "2 GiB cannot hold the base, which has 3 GiB",
    );
  });
});

describe("vmbuild inspect", () => {
  it("shows the default machine", async () => {
    await home.write({ "t.json": TEMPLATE });
    const { exitCode, stdout } = await home.run("inspect", "t.json", "--json");
    expect(exitCode).toBe(0);
    const { qemu, machine, output } = JSON.parse(stdout) as {
      qemu: { program: string; arguments: string[] };
      machine: unknown;
      output: { files: string[] };
    };
    expect(qemu.program).toBe("qemu-system-x86_64");
    const line = qemu.arguments.join(" ");
    for (const part of ["-enable-kvm -cpu host", "-smp 4", "-m 16384M"]) {
      expect(line).toContain(part);
    }
    expect(machine).toMatchObject({ disk: 50 * 2 ** 30, memory: 16 * 2 ** 30 });
    expect(output.files).toEqual(
      [
        ...["t-0.0.0.qcow2", "t-0.0.0.qcow2.sha256", "t-0.0.0.qcow2.md5"],
        ...["manifest.json", "packages.txt", "sbom.cdx.json"],
      ].map((name) => join(home.folder, "output", "t", name)),
    );
  });

  it("shows the same as text, without secrets", async () => {
    await home.write({
      "t.json": {
        ...TEMPLATE,
        variables: { token: { default: "S3CRET-token", sensitive: true }, n: { default: 2 } },
        inputs: { site: { git: "https://user:pw@example.org/x.git", ref: "v1" } },
        machine: { accelerator: "auto", cpus: "${var.n}" },
        steps: [
          {
            name: "first",
            actions: [{ run: "use ${var.token}" }],
            verify: ["test -e /x"],
            retries: 2,
          },
        ],
      },
    });
    const { stdout } = await home.run("inspect", "t.json");
    expect(stdout).not.toMatch(/S3CRET|user:pw/);
    for (const part of [
      /^t 0\.0\.0 {2}t\.json$/m,
      /^ {2}token {2}"\*\*\*" +sensitive$/m,
      /^ {4}git +https:\/\/example\.org\/x\.git$/m,
      /^ {4}ref +v1$/m,
      /^ {2}accelerator +auto: kvm if it works/m,
      /^ {4}-smp 2 \\$/m,
      /^ {2}1\. first {2}2 retries, timeout 1h$/m,
      /^ {4}run +use \*\*\*$/m,
      /^ {4}verify +test -e \/x$/m,
      /^ {2}output\/t\/t-0\.0\.0\.qcow2$/m,
    ]) {
      expect(stdout).toMatch(part);
    }
  });

  it("prints an argument list that a shell parses to the original arguments", async () => {
    await home.write({
      "t.json": { ...TEMPLATE, name: "t", machine: { arguments: ["-x", "a 'b' $c"] } },
    });
    const { stdout } = await home.run("inspect", "t.json");
    const command = /^qemu .*\n([^]*?)\n\n/m.exec(stdout)?.[1] ?? "";
    const script = `qemu-system-x86_64() { printf '%s\\n' "$@"; }\n${command}`;
    const parsed = execFileSync("bash", ["-c", script], { encoding: "utf8" }).trimEnd().split("\n");
    const json = JSON.parse((await home.run("inspect", "t.json", "--json")).stdout) as {
      qemu: { arguments: string[] };
    };
    expect(parsed).toEqual(json.qemu.arguments);
  });

  it("needs no QEMU", async () => {
    await home.write({ "t.json": { ...TEMPLATE, machine: { binary: "qemu-none" } } });
    const { exitCode, stdout } = await home.run("inspect", "t.json");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("qemu (not installed; arguments as for 7.2)");
  });
});

describe("vmbuild schema", () => {
  it("prints the schema in schemas/", async () => {
    const { stdout } = await home.run("schema");
    const path = new URL("../../../schemas/template.schema.json", import.meta.url);
    expect(`${stdout}\n`).toBe(await readFile(path, "utf8"));
  });
});

describe("vmbuild init", () => {
  it("creates a valid appliance that is found by its name", async () => {
    const { exitCode, stdout } = await home.run("init", "my-image");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("vmbuild run my-image");
    const folder = join(home.folder, "appliances", "my-image");
    expect((await readdir(folder)).toSorted()).toEqual(
      [".gitignore", "README.md", "my-image.json", "setup.sh"].toSorted(),
    );
    expect(await home.run("validate", "my-image")).toEqual({
      exitCode: 0,
      stdout: "appliances/my-image/my-image.json: valid (1 step, 0 inputs)",
      stderr: "",
    });
  });

  it("overwrites nothing, and refuses invalid names", async () => {
    await home.write({ "images/x/mine": "precious" });
    const again = await home.run("init", "x", "--dir", "images");
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain("images/x already exists and is not empty");
    expect(await readdir(join(home.folder, "images/x"))).toEqual(["mine"]);
    const wrong = await home.run("init", "../x");
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain('"../x": a name consists of letters');
  });
});
