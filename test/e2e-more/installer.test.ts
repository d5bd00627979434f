/** Debian's real installer, as far as it gets with wrong answers. */
import { access } from "node:fs/promises";
import { beforeAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { debianInstaller } from "../support/debian-installer.js";
import { debianMenuIso } from "../support/debian-menu.js";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";

let installer: string;
let sandbox: Sandbox;
beforeAll(async () => {
  installer = await debianInstaller("bookworm");
});
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Parameters for an installer that asks nothing before it has an address. */
const COMMAND_LINE =
  "auto=true priority=critical interface=auto hostname=debian domain=localdomain locale=en_US.UTF-8 keymap=us DEBIAN_FRONTEND=text TERM=dumb console=ttyS0,115200";

/**
 * Writes a template that installs with these files, and without steps. With less than 1 GiB, the
 * installer says that its memory is low.
 */
function templateWith(name: string, install: object, memory = "1G"): Promise<string> {
  return sandbox.template({
    name,
    base: {
      install: {
        kernel: { path: `${installer}/linux` },
        initrd: { path: `${installer}/initrd.gz` },
        commandLine: `${COMMAND_LINE} url=\${http.url}/preseed.cfg`,
        ...install,
      },
    },
    machine: { memory },
    steps: [],
  });
}

/** Returns the path after `screen: `, which exists. */
async function shownScreen(stderr: string): Promise<string> {
  const path = /screen: (\S+\.png)/.exec(stderr)?.[1] ?? "";
  await access(path);
  return path;
}

describe("an installer that cannot go on", () => {
  it("fails at once where its answers are not served, and names the file", async () => {
    const template = await templateWith("missing", {
      http: { files: { "answers.cfg": { content: "d-i mirror/country string manual\n" } } },
    });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("GET /preseed.cfg 404");
    expect(stderr).toContain("The installer asked for /preseed.cfg");
    expect(stderr).toContain("[BASE_INSTALL]");
    expect(stderr).toContain("The installer failed: !! ERROR: ");
    expect(stderr).toContain("not served: /preseed.cfg (404)");
    await shownScreen(stderr);
    expect(exitCode).toBe(4);
    expect(await processesOf(sandbox.folder)).toEqual([]);
  });

  it("fails at once where it waits for a key, and shows why", async () => {
    const template = await templateWith("low-memory", {}, "768M");
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("The installer asks a question on its console");
    expect(stderr).toContain("[BASE_INSTALL]");
    expect(stderr).toMatch(
      /last lines of the console:[^]*Low memory[^]*\[Press enter to continue\]/,
    );
    await shownScreen(stderr);
    expect(exitCode).toBe(4);
  });

  it("fails after the time limit, and shows the end of the console", async () => {
    const template = await templateWith("slow", { timeout: "30s" });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("[BASE_INSTALL]");
    expect(stderr).toContain("did not finish within 30s (base.install.timeout)");
    expect(stderr).toContain("last lines of the console:");
    await shownScreen(stderr);
    expect(exitCode).toBe(4);
  });
});

describe("an installer's own boot menu", () => {
  it("is answered by the typed boot command", async () => {
    const answers = "/typed/Answers-._~+,=:@09.cfg";
    const template = await sandbox.template({
      name: "typed",
      base: {
        install: {
          iso: { path: await debianMenuIso("bookworm") },
          http: { files: { "preseed.cfg": { content: "d-i mirror/country string manual\n" } } },
          bootCommand: [
            { waitForScreen: "stable", timeout: "5m" },
            "<esc><wait>",
            `install ${COMMAND_LINE} url=\${http.url}${answers}<enter>`,
          ],
        },
      },
      machine: { memory: "1G" },
      steps: [],
    });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("Typing the boot command");
    // The installer has started with the line as it was typed, and asked for what it names.
    expect(stderr).toContain(`GET ${answers} 404`);
    expect(exitCode).toBe(4);
  });
});
