import { describe, expect, it } from "vitest";
import { ACTIONS, actionSchema, describeAction } from "../../../src/steps/registry.js";

function problemsOf(input: unknown): { message: string; path: PropertyKey[] }[] {
  const { error } = actionSchema.safeParse(input);
  return (error?.issues ?? []).map(({ message, path }) => ({ message, path }));
}

describe("every action", () => {
  it.each(ACTIONS.map((action) => [action.name, action] as const))(
    "%s: its example is one, and its name marks it",
    (name, action) => {
      const example: unknown = JSON.parse(action.example);
      expect(example).toHaveProperty(name);
      const parsed = actionSchema.parse(example);
      expect(parsed.type.name).toBe(name);
      expect(describeAction(parsed)).not.toBe("");
      expect(describeAction(parsed)).not.toContain("\n");
    },
  );
});

describe("the facts about an action", () => {
  const factsOf = (input: unknown) => {
    const { type, value } = actionSchema.parse(input);
    return {
      runsOn: type.runsOn,
      programs: type.programs(value as never),
      shellTexts: type.shellTexts(value as never),
      rerunsWhenKept: type.rerunsWhenRestored(value as never),
      outputs: type.outputs(value as never),
    };
  };
  const inGuest = {
    runsOn: "guest",
    programs: [],
    shellTexts: [],
    rerunsWhenKept: false,
    outputs: [],
  };

  it.each([
    ["in the guest and in its checkpoint, unless it says otherwise", { reboot: true }, inGuest],
    [
      "shell text of the guest",
      { run: ["a", "b"], shell: "bash" },
      {
        ...inGuest,
        shellTexts: [{ key: ["run"], text: "a\nb", parts: ["a", "b"], interpreter: ["/bin/bash"] }],
      },
    ],
    [
      "a script that is written, by its first line",
      { write: "/x", content: ["#!/bin/sh", "a"] },
      {
        ...inGuest,
        shellTexts: [
          {
            key: ["content"],
            text: "#!/bin/sh\na",
            parts: ["#!/bin/sh\na"],
            interpreter: ["/bin/sh"],
          },
        ],
      },
    ],
    [
      "commands of another interpreter",
      { run: ["a"], interpreter: "python3 -I" },
      {
        ...inGuest,
        shellTexts: [{ key: ["run"], text: "a", parts: ["a"], interpreter: ["python3", "-I"] }],
      },
    ],
    [
      "a playbook, with the programs of the host that it needs",
      { ansible: "site.yml", requirements: "requirements.yml" },
      { ...inGuest, programs: ["ansible-playbook", "ansible-config", "ansible-galaxy", "ssh"] },
    ],
    ["a playbook that the guest runs itself", { ansible: "site.yml", in: "guest" }, inGuest],
    ["a text that is written", { write: "/x", content: "a" }, inGuest],
    [
      "a file beside the image, which no checkpoint holds",
      { download: "/etc/x", to: "x" },
      { ...inGuest, rerunsWhenKept: true, outputs: [{ download: "/etc/x", to: "x" }] },
    ],
    [
      "a download that is kept with its step",
      { download: "/etc/x", to: "x", cache: true },
      { ...inGuest, outputs: [{ download: "/etc/x", to: "x" }] },
    ],
    [
      "work on the host",
      { local: "make" },
      {
        ...inGuest,
        runsOn: "host",
        programs: ["bash"],
        shellTexts: [{ key: ["local"], text: "make", parts: ["make"], interpreter: ["/bin/bash"] }],
        rerunsWhenKept: true,
      },
    ],
    [
      "work of the host in the guest, which a checkpoint holds",
      { local: 'scp -P "$VMBUILD_SSH_PORT" x root@127.0.0.1:/' },
      {
        ...inGuest,
        runsOn: "host",
        programs: ["bash"],
        shellTexts: [expect.objectContaining({ key: ["local"] })],
      },
    ],
  ])("%s", (_why, input, facts) => {
    expect(factsOf(input)).toEqual(facts);
  });
});

describe("an action", () => {
  it("may have a timeout, whatever its kind", () => {
    expect(actionSchema.parse({ run: "true", timeout: "2m" }).timeoutMs).toBe(120_000);
    expect(actionSchema.parse({ reboot: true }).timeoutMs).toBeUndefined();
  });

  it.each([{}, { step: "x" }, "run", null, 7, ["run"]])("%j has no kind", (input) => {
    expect(problemsOf(input)[0]?.message).toMatch(/exactly one of "script", "run".*none of them/);
  });

  it("of an older template has the same value, so that its checkpoints hold", () => {
    const valueOf = (input: unknown): unknown => actionSchema.parse(input).value;
    expect(JSON.stringify(valueOf({ run: "a" }))).toBe('{"run":["a"],"shell":"sh"}');
    expect(JSON.stringify(valueOf({ script: "a" }))).toBe('{"script":"a","arguments":[]}');
  });

  it("names its options in its description", () => {
    const options = { cwd: "/srv", user: "app", exitCodes: [0, 2], expectReboot: true };
    expect(describeAction(actionSchema.parse({ script: "x/a.sh", ...options }))).toBe(
      "a.sh (as app, in /srv, exit codes 0, 2, restarts the guest)",
    );
    const action = actionSchema.parse({ run: "print(1)", interpreter: ["python3", "-I"] });
    expect(describeAction(action)).toBe("print(1) (with python3 -I)");
  });

  it("has one kind only", () => {
    expect(problemsOf({ run: "true", reboot: true })[0]?.message).toContain(
      'this one has "run" and "reboot"',
    );
  });

  it.each([
    [{ run: "" }, ["run"]],
    [{ run: [] }, ["run"]],
    [{ run: "true", shell: "fish" }, ["shell"]],
    [{ upload: "a", to: "relative" }, ["to"]],
    [{ upload: "a" }, ["to"]],
    [{ write: "/a", content: "x", mode: "rw-" }, ["mode"]],
    [{ reboot: false }, ["reboot"]],
    [{ run: "true", timeout: "5" }, ["timeout"]],
    [{ wait: "true", every: "often" }, ["every"]],
    [{ local: "echo $VMBUILD_SSH_PORT", cache: false }, ["cache"]],
    [{ run: "true", shell: "sh", interpreter: "bash" }, ["interpreter"]],
    [{ run: "true", interpreter: "" }, ["interpreter"]],
    [{ run: "true", interpreter: "-e" }, ["interpreter"]],
    [{ script: "a", interpreter: 'sh -c "x y"' }, ["interpreter"]],
    [{ script: "a", interpreter: [] }, ["interpreter"]],
    [{ script: "a", cwd: "relative" }, ["cwd"]],
    [{ script: "a", user: "" }, ["user"]],
    [{ script: "a", user: "app:app" }, ["user"]],
    [{ script: "a", user: "-x" }, ["user"]],
    [{ script: "a", exitCodes: [] }, ["exitCodes"]],
    [{ script: "a", exitCodes: [256] }, ["exitCodes", 0]],
    [{ script: "a", expectReboot: "yes" }, ["expectReboot"]],
  ])("%j is wrong at %j", (input, path) => {
    expect(problemsOf(input).map((problem) => problem.path)).toContainEqual(path);
  });

  it("has no field that its kind does not define", () => {
    expect(problemsOf({ run: "true", mode: "0644" })[0]?.message).toContain('"mode"');
  });

  it("reports all its problems at once", () => {
    expect(problemsOf({ upload: "", to: "x", mode: "9", timeout: "soon" }).length).toBe(4);
  });
});
