/** Playbooks of this host on a real guest: before and after restarts, and after a change. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Role that records the boot. */
const RECORD = `
- name: Record the boot
  ansible.builtin.shell: echo {{ stage }} $(cat /proc/sys/kernel/random/boot_id) >>/root/stages
`;

it("runs before and after restarts, and says which file of a role changed", async () => {
  const play = (roles: string, more = "") =>
    `- hosts: web\n  gather_facts: false\n  vars: {stage: ${roles}}\n  roles: [record, ${roles}]\n${more}`;
  const template = await sandbox.template({
    name: "played",
    output: { compression: "none" },
    steps: [
      {
        name: "first",
        actions: [{ ansible: "ansible/first.yml", groups: ["web"] }, { reboot: true }],
      },
      {
        name: "last",
        actions: [
          { ansible: "ansible/last.yml", groups: ["web"], extraVars: { word: "hello" } },
          { download: "/root/stages", to: "stages.txt" },
        ],
        verify: ["grep -x hello /root/word", "test ! -e /root/.ansible"],
      },
    ],
  });
  const project = join(dirname(template), "ansible");
  await write(join(project, "first.yml"), play("first"));
  // The guest also restarts during the playbook.
  const restart =
    "  post_tasks:\n    - ansible.builtin.reboot:\n    - include_role: {name: record}\n";
  await write(join(project, "last.yml"), play("last", restart));
  await write(join(project, "roles/record/tasks/main.yml"), RECORD);
  await write(join(project, "roles/first/tasks/main.yml"), "- ansible.builtin.ping:\n");
  const last = join(project, "roles/last/tasks/main.yml");
  const copy = "- ansible.builtin.copy: {content: '{{ word }}', dest: /root/word, mode: '0600'}\n";
  await write(last, copy);

  const built = await sandbox.build(template).ended;
  requireDone(built);
  const { stderr } = built;
  expect(stderr).toMatch(/step \[1\/2\] first done \(.*\): 2 ok, 1 changed, 0 failed/);
  expect(stderr).toMatch(/step \[2\/2\] last done \(.*\): \d ok, 4 changed, 0 failed/);
  const stages = await readFile(join(sandbox.output, "stages.txt"), "utf8");
  const [names, boots] = [0, 1].map((column) =>
    stages
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[column]),
  );
  expect(names).toEqual(["first", "last", "last"]);
  expect(new Set(boots).size).toBe(3);

  await write(last, `${copy}- ansible.builtin.ping:\n`);
  const explained = await sandbox.vmbuild("run", template, "--explain");
  expect(explained.stdout + explained.stderr).toContain(
    "ansible/roles/last/tasks/main.yml changed (1 line)",
  );
});
