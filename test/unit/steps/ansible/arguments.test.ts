import { describe, expect, it } from "vitest";
import { playbookArguments } from "../../../../src/steps/ansible/arguments.js";
import { inventoryText, sshVariables } from "../../../../src/steps/ansible/inventory.js";
import { copiedPathsOf, hostPathsOf, sourcesOf } from "../../../../src/steps/ansible/paths.js";
import { ansibleSchema } from "../../../../src/steps/ansible/schema.js";

const parse = (more: object = {}) => ansibleSchema.parse({ ansible: "play/site.yml", ...more });

/** Returns the messages for an invalid action, by path. */
const problemsOf = (more: object): string[] =>
  (ansibleSchema.safeParse({ ansible: "play/site.yml", ...more }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );

describe("the schema", () => {
  it.each([
    [
      "a playbook outside the project",
      { folder: "other" },
      /^folder: the playbook play\/site.yml is/,
    ],
    ["one beside it", { folder: "play/roles" }, /^folder: the playbook/],
    ["a group that Ansible defines itself", { groups: ["all"] }, /^groups\.0: .* not called all/],
    ["a variable with a dash", { extraVars: { "a-b": 1 } }, /^extraVars\.a-b: /],
    ["several tags in one", { tags: ["a,b"] }, /^tags\.0: a tag has no comma/],
    ["a host with a space", { hostAlias: "a b" }, /^hostAlias: a host name/],
    ["another place", { in: "cloud" }, /^in: /],
  ])("refuses %s", (_, more, problem) => {
    expect(problemsOf(more)).toEqual([expect.stringMatching(problem)]);
  });

  it("accepts a project above the playbook, and variables of any type", () => {
    expect(problemsOf({ folder: "." })).toEqual([]);
    expect(problemsOf({ folder: "/srv/project" })).toEqual([]);
    expect(parse({ extraVars: { a: [1, { b: null }] } }).extraVars).toEqual({
      a: [1, { b: null }],
    });
  });
});

describe("playbookArguments", () => {
  const filesOf = (more: object) => ({
    paths: hostPathsOf(parse(more), "/t"),
    inventory: "/run/hosts.json",
    extraVars: "/run/extra.json",
  });

  it("has files in place of variables, own arguments behind all others, the playbook last", () => {
    const more = {
      extraVarsFiles: ["vars.yml"],
      limit: "web",
      tags: ["a", "b"],
      skipTags: ["c"],
      arguments: ["--diff"],
    };
    expect(playbookArguments(parse(more), filesOf(more), "root").join(" ")).toBe(
      "--inventory /run/hosts.json --limit web --tags a,b --skip-tags c " +
        "--extra-vars @/t/vars.yml --extra-vars @/run/extra.json --diff /t/play/site.yml",
    );
  });

  it.each([
    [{}, "root", []],
    [{}, "sudo", ["--become"]],
    [{}, "doas", ["--become", "--become-method", "doas"]],
    [{ become: false }, "sudo", []],
    [{ become: true }, "root", ["--become"]],
  ] as const)("becomes root with %j and %s", (more, privilege, expected) => {
    const args = playbookArguments(parse(more), filesOf(more), privilege);
    expect(args.filter((word) => /become|doas/.test(word))).toEqual(expected);
  });
});

describe("the inventory", () => {
  const files = {
    host: "127.0.0.1",
    port: 2222,
    user: "debian",
    key: "/run/a b/key",
    knownHosts: "/run/a b/100%/known_hosts",
    privilege: "sudo",
  } as const;

  it("has the guest in its groups, and empty groups", () => {
    const action = { hostAlias: "vm", groups: ["web"], emptyGroups: ["db"] };
    expect(JSON.parse(inventoryText(action, { ansible_port: 1 }))).toEqual({
      all: {
        hosts: { vm: { ansible_port: 1 } },
        children: { web: { hosts: { vm: {} } }, db: { hosts: {} } },
      },
    });
  });

  it("accepts the guest's host key only, and quotes paths for ssh", () => {
    const { ansible_ssh_args: args, ...variables } = sshVariables(files, "/run/c");
    expect(variables).toMatchObject({
      ansible_connection: "ssh",
      ansible_port: 2222,
      ansible_user: "debian",
    });
    expect(args).toContain("-F /dev/null ");
    expect(args).toContain("-o StrictHostKeyChecking=yes");
    expect(args).toContain(`-o 'UserKnownHostsFile="/run/a b/100%%/known_hosts"'`);
    expect(args).toContain("-o ControlPath=/run/c/%r");
    expect(sshVariables(files, undefined)["ansible_ssh_args"]).toContain("ControlMaster=no");
  });
});

describe("the files of an action", () => {
  const action = parse({
    folder: ".",
    config: "play/ansible.cfg",
    inventory: "../inventories/test",
    requirements: "../requirements.yml",
    extraVarsFiles: ["vars.yml", "/etc/vars.yml"],
    rolesPath: ["roles", "../roles"],
  });

  it("count for the checkpoint, each once", () => {
    const sources = sourcesOf(action, "/a/t");
    const named = sources.filter(({ kind }) => kind === "file").map(({ path }) => path);
    expect(named).toEqual([
      "/a/t/play/site.yml",
      "/a/t/play/ansible.cfg",
      "/a/requirements.yml",
      "/a/t/vars.yml",
      "/etc/vars.yml",
    ]);
    const trees = sources.filter(({ project }) => project === true).map(({ path }) => path);
    expect(trees).toEqual(["/a/t", "/a/inventories/test", "/a/roles"]);
  });

  it("stay in their places in a copy of the project; others are put beside it", () => {
    expect(copiedPathsOf(hostPathsOf(action, "/a/t"), "/r")).toEqual({
      playbook: "/r/project/play/site.yml",
      folder: "/r/project",
      config: "/r/project/play/ansible.cfg",
      inventory: undefined,
      extraVarsFiles: ["/r/project/vars.yml", "/r/extra-vars-1"],
      requirements: "/r/requirements.yml",
      rolesPath: ["/r/project/roles", "/r/roles-1"],
    });
  });
});
