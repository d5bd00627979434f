/** Playbooks with Debian's Ansible, on an SSH server of this host in place of a guest. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Guest } from "../../../src/guest/guest.js";
import { findFreePort } from "../../../src/machine/ports.js";
import { runProgram } from "../../../src/host/programs.js";
import type { ActionContext } from "../../../src/steps/action.js";
import { ansible } from "../../../src/steps/ansible.js";
import { errorOf } from "../../support/inputs.js";
import { guestOf } from "../../support/guest-of.js";
import { startFileServer } from "../../support/http-server.js";
import { kill, startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

let sshd: Sshd;
let guest: Guest;
let folder: string;
let lines: string[];
let result: string | undefined;

beforeAll(async () => {
  sshd = await startSshd();
  guest = await guestOf(sshd);
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-ansible-"));
  lines = [];
  result = undefined;
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  vi.stubEnv("XDG_RUNTIME_DIR", join(folder, "runtime"));
  await mkdir(join(folder, "runtime"), { mode: 0o700 });
  return async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  };
});

/** Writes files below the test's folder. */
async function writeFiles(files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** Packs a role into an archive, as a server of roles offers it. */
async function packRole(name: string, task: string): Promise<Buffer> {
  const source = join(folder, "archives", name);
  await writeFiles({
    [`archives/${name}/tasks/main.yml`]: task,
    [`archives/${name}/meta/main.yml`]:
      "galaxy_info: {author: a, description: d, license: MIT, min_ansible_version: '2.9'}\n",
  });
  const archive = join(folder, "archives", `${name}.tar.gz`);
  const { exitCode } = await runProgram("tar", ["-czf", archive, "-C", dirname(source), name]);
  expect(exitCode).toBe(0);
  return readFile(archive);
}

function run(action: object, more: Partial<ActionContext> = {}): Promise<void> {
  return ansible.run(ansible.schema.parse(action), {
    guest,
    templateFolder: folder,
    environment: {},
    timeoutMs: 120_000,
    signal: sshd.signal,
    emit: () => {},
    onLine: (line) => lines.push(line),
    onResult: (text) => (result = text),
    ...more,
  } as ActionContext);
}

/** Tasks of a role that writes its variables and the argument lists of all processes. */
const WEB_ROLE = `
- name: Write the page
  ansible.builtin.copy:
    content: "{{ greeting }} {{ port }} {{ site }} {{ region }}\\n"
    dest: "{{ out }}/page"
    mode: "0644"
- name: List the processes
  ansible.builtin.shell: ps -eo args >{{ out }}/processes
  changed_when: false
`;

describe("a playbook on the host", () => {
  it("applies roles, groups, variables and requirements, and counts its tasks", async () => {
    await using server = await startFileServer();
    const mark =
      '- ansible.builtin.copy: {content: "3", dest: "{{ out }}/required", mode: "0644"}\n';
    const url = server.serve("/base.tar.gz", await packRole("base", mark));
    await mkdir(join(folder, "out"));
    await writeFiles({
      "ansible/site.yml": `
- hosts: web
  gather_facts: false
  roles: [base, web]
  tasks:
    - ansible.builtin.command: "false"
      ignore_errors: true
    - ansible.builtin.debug: {msg: unwanted}
      tags: [unwanted]
- hosts: db
  tasks: [{ansible.builtin.fail: {}}]
`,
      "ansible/roles/web/tasks/main.yml": WEB_ROLE,
      "ansible/group_vars/web.yml": "site: example.org\n",
      "ansible/requirements.yml": `roles: [{src: "${url}", name: base, version: "1"}]\n`,
      "inventories/test/group_vars/all.yml": "region: north\n",
      "vars.yml": "port: 80\ngreeting: overridden\n",
    });
    const action = {
      ansible: "ansible/site.yml",
      groups: ["web"],
      emptyGroups: ["db"],
      inventory: "inventories/test",
      extraVars: { greeting: "s3cret-greeting", out: join(folder, "out") },
      extraVarsFiles: ["vars.yml"],
      requirements: "ansible/requirements.yml",
      skipTags: ["unwanted"],
    };
    await run(action);
    expect(await readFile(join(folder, "out/page"), "utf8")).toBe(
      "s3cret-greeting 80 example.org north\n",
    );
    expect(await readFile(join(folder, "out/required"), "utf8")).toBe("3");
    expect(result).toBe("4 ok, 3 changed, 0 failed, 1 ignored");
    expect(lines).toContainEqual(expect.stringMatching(/^TASK \[web : Write the page\] \*+$/));
    expect(lines).toContain("changed: [default]");
    // Neither an argument list nor the output has the secret, and no event is shown.
    const processes = await readFile(join(folder, "out/processes"), "utf8");
    expect(processes).toContain("ansible-playbook --inventory");
    expect(processes).not.toContain("s3cret");
    expect(lines.join("\n")).not.toMatch(/s3cret|vmbuild-event/);

    lines = [];
    await run(action);
    expect(result).toBe("4 ok, 1 changed, 0 failed, 1 ignored");
    expect(lines).toContain("ansible/requirements.yml: cached roles and collections are used");
    expect(server.requestsOf("/base.tar.gz")).toHaveLength(1);
    // Nothing is left: no shared connection, no private files, no compiled plugins.
    expect(await readdir(join(folder, "runtime/vmbuild"))).toEqual([]);
    expect((await readdir(sshd.folder)).filter((name) => name.startsWith("ansible-"))).toEqual([]);
    expect(await readdir(join(folder, "ansible"))).toEqual([
      "group_vars",
      "requirements.yml",
      "roles",
      "site.yml",
    ]);
  }, 180_000);

  it("names the playbook, the task and the host that failed", async () => {
    await writeFiles({
      "site.yml": "- hosts: all\n  gather_facts: false\n  roles: [broken]\n",
      "roles/broken/tasks/main.yml": `
- name: Start the service
  ansible.builtin.shell: echo the port is taken >&2; exit 3
`,
    });
    const error = await errorOf(run({ ansible: "site.yml", hostAlias: "builder" }));
    expect(error).toMatchObject({ code: "STEP_FAILED", exitCode: 7 });
    expect(error.message).toBe(
      'site.yml: task "broken : Start the service" failed on builder: non-zero return code',
    );
    expect(error.lines).toContain("the port is taken");
    expect(error.lines).toContain(`task path: ${folder}/roles/broken/tasks/main.yml:2`);
    expect(error.lines.at(-1)).toBe("tasks: 0 ok, 0 changed, 1 failed");
    expect(error.details).toMatchObject({ task: "broken : Start the service", host: "builder" });
  }, 120_000);

  it("says when a host cannot be reached, with the answer of ssh", async () => {
    const port = await findFreePort();
    const vars = `vars: {ansible_port: ${port}}`;
    await writeFiles({
      "site.yml": `- hosts: all\n  ${vars}\n  tasks: [{ansible.builtin.ping: }]\n`,
    });
    const error = await errorOf(run({ ansible: "site.yml" }));
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toMatch(
      /^site\.yml: task "Gathering Facts" did not run: default could not be reached: /,
    );
    expect(error.message).toContain(`port ${port}: Connection refused`);
  }, 120_000);

  it("refuses what Ansible would ignore: a missing ansible.cfg", async () => {
    await writeFiles({ "site.yml": "- hosts: all\n" });
    const error = await errorOf(run({ ansible: "site.yml", config: "ansible.cfg" }));
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toBe(`site.yml: ${folder}/ansible.cfg does not exist`);
  });

  it("refuses a playbook none of whose plays is for the guest", async () => {
    await writeFiles({ "site.yml": "- name: Web\n  hosts: web\n  tasks: []\n" });
    const error = await errorOf(run({ ansible: "site.yml" }));
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toContain("no play is for the guest, which is called default");
    expect(error.lines).toEqual(['no host of the inventory matches the play "Web"']);
    expect(error.hint).toContain("hostAlias or groups");
  }, 120_000);

  it("ends with exit code 4, and what was asked for, without the galaxy server", async () => {
    const server = `http://127.0.0.1:${await findFreePort()}`;
    await writeFiles({
      "site.yml": "- hosts: all\n  tasks: []\n",
      "ansible.cfg": `[galaxy]\nserver = ${server}\n`,
      "requirements.yml":
        "roles: [{name: geerlingguy.nginx, version: 3.1.0}]\ncollections: [community.general]\n",
    });
    const error = await errorOf(run({ ansible: "site.yml", requirements: "requirements.yml" }));
    expect(error).toMatchObject({ code: "INPUT_GALAXY", exitCode: 4 });
    expect(error.message).toBe(
      "ansible-galaxy could not install geerlingguy.nginx 3.1.0, community.general (requirements.yml)",
    );
    expect(error.lines.join("\n")).toContain(server);
    expect(await readdir(join(folder, "cache/vmbuild/inputs"))).toHaveLength(1);
  }, 120_000);

  it("connects again to a guest that a playbook restarts", async () => {
    await using own = await startSshd();
    let connections = 0;
    const restarted = await guestOf(own, {
      connect: () => {
        connections++;
        return own.connect();
      },
    });
    const task = "{name: Restart, ansible.builtin.command: 'true'}";
    await writeFiles({ "site.yml": `- hosts: all\n  gather_facts: false\n  tasks: [${task}]\n` });
    const [session] = await own.sessions();
    const onLine = (line: string): void => {
      if (line.startsWith("TASK [Restart]")) kill(session ?? 0);
    };
    await run({ ansible: "site.yml" }, { guest: restarted, onLine });
    expect(connections).toBe(1);
    expect(await restarted.ask("echo yes", "asking")).toEqual(["yes"]);
  }, 120_000);

  it("ends a playbook that exceeds the time limit, with all its processes", async () => {
    const command = "sleep 98765";
    const task = `{ansible.builtin.command: ${command}, delegate_to: localhost, connection: local}`;
    await writeFiles({
      "site.yml": `- hosts: all\n  gather_facts: false\n  tasks: [${task}]\n`,
    });
    const started = new AbortController();
    const onLine = (line: string): void => {
      if (line.startsWith("TASK")) started.abort(new Error("cancelled"));
    };
    await expect(run({ ansible: "site.yml" }, { onLine, signal: started.signal })).rejects.toThrow(
      "cancelled",
    );
    const { stdout } = await runProgram("ps", ["-eo", "args"], { captureOutput: true });
    expect(stdout).not.toContain(join(folder, "site.yml"));
    expect(stdout).not.toContain(command);
    const error = await errorOf(run({ ansible: "site.yml" }, { timeoutMs: 1 }));
    expect(error).toMatchObject({ code: "STEP_TIMEOUT" });
  }, 120_000);
});

describe("a playbook in the guest", () => {
  it("runs on a copy of the project there, with requirements of the project", async () => {
    const role =
      '- ansible.builtin.copy: {content: "4", dest: "{{ out }}/required", mode: "0644"}\n';
    await writeFile(join(await makeProject(), "base.tar.gz"), await packRole("base", role));
    await run({
      ansible: "project/playbooks/site.yml",
      in: "guest",
      folder: "project",
      groups: ["web"],
      requirements: "project/requirements.yml",
      extraVars: { greeting: "s3cret", port: 1, region: "r", out: join(folder, "out") },
      rolesPath: ["shared"],
    });
    expect(await readFile(join(folder, "out/page"), "utf8")).toBe("s3cret 1 example.org r\n");
    expect(await readFile(join(folder, "out/required"), "utf8")).toBe("4");
    expect(await readFile(join(folder, "out/files"), "utf8")).toBe(
      "./playbooks\n./playbooks/site.yml\n./requirements.yml\n",
    );
    expect(result).toBe("5 ok, 2 changed, 0 failed");
    expect(await readFile(join(folder, "out/processes"), "utf8")).not.toContain("s3cret");
    const left = (await readdir("/var/tmp")).filter((name) => name.startsWith("vmbuild-ansible"));
    expect(left).toEqual([]);
  }, 180_000);

  /** Writes a project with a playbook below its top, beside a role elsewhere. */
  async function makeProject(): Promise<string> {
    await mkdir(join(folder, "out"));
    await writeFiles({
      "project/playbooks/site.yml": `
- hosts: web
  gather_facts: false
  vars: {site: example.org}
  roles: [base, web]
  tasks:
    - ansible.builtin.assert: {that: ansible_connection == 'local'}
    - ansible.builtin.shell: >-
        cd {{ playbook_dir }}/.. && find . -name site.yml -o -name playbooks -o -name .git
        -o -name requirements.yml | sort >{{ out }}/files
      changed_when: false
`,
      "project/.git/HEAD": "ref: refs/heads/main\n",
      "project/requirements.yml": "- {src: ./base.tar.gz, name: base}\n",
      "shared/web/tasks/main.yml": WEB_ROLE,
    });
    return join(folder, "project");
  }
});
