import { describe, expect, it } from "vitest";
import { branchOfCi, describeChanges, parseStatus } from "../../../src/host/work-tree.js";
import { gitMessage, gitValue } from "../../../src/template/git-references.js";
import { load, loadError, templateText } from "./support.js";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const TREE = { root: "/r", branch: "main", commit: COMMIT, changes: [] };

describe("references to git", () => {
  it("have values that a file name and a shell can contain", () => {
    const branch = "user/fix #1;$(x)-ä";
    expect(gitValue("git.branch", { ...TREE, branch })).toBe("user-fix--1---x---");
    expect(gitValue("git.commit", TREE)).toBe("0123456");
    expect(gitValue("git.dirty", TREE)).toBe("");
    const changes = [{ state: " M", path: "a" }];
    expect(gitValue("git.dirty", { ...TREE, changes })).toBe("-dirty");
  });

  it("say why they have none", () => {
    expect(gitMessage("git.branch", { problem: "the reason" })).toBe(
      "${git.branch} has no value: the reason",
    );
    expect(gitMessage("git.tag", undefined)).toBe(
      "${git.tag} is not a valid reference; those to git are ${git.branch}, ${git.commit}, ${git.dirty}",
    );
    expect(gitValue("git.branch", { problem: "the reason" })).toBeUndefined();
  });

  it("are left to the shell where they are not valid, and escaped with $$", async () => {
    const run = "echo ${git.tag} $${git.commit}";
    const { steps } = await load(templateText({ steps: [{ name: "a", actions: [{ run }] }] }));
    expect(steps[0]?.actions[0]?.value).toMatchObject({ run: ["echo ${git.tag} ${git.commit}"] });
  });

  it("are refused in a folder that is in no work tree", async () => {
    const { lines } = await loadError(templateText({ version: "1-${git.tag}" }));
    expect(lines[0]).toContain("version: ${git.tag} is not a valid reference; those to git");
  });
});

describe("the state of a work tree", () => {
  it("contains renamed files once, under their new paths", () => {
    const status = " M a b\0R  new\0old\0D  gone\0";
    expect(parseStatus(status)).toEqual([
      { state: " M", path: "a b" },
      { state: "R ", path: "new" },
      { state: "D ", path: "gone" },
    ]);
    const changes = parseStatus(status);
    expect(describeChanges({ changes }, 2)).toEqual([" M a b", "R  new", "and 1 more"]);
  });

  it("has the branch of a CI service only where that built the same commit", () => {
    const gitHub = { GITHUB_SHA: COMMIT, GITHUB_HEAD_REF: "", GITHUB_REF_NAME: "main" };
    expect(branchOfCi(COMMIT, gitHub)).toBe("main");
    expect(branchOfCi(COMMIT, { ...gitHub, GITHUB_HEAD_REF: "topic" })).toBe("topic");
    expect(branchOfCi(COMMIT, { CI_COMMIT_SHA: COMMIT, CI_COMMIT_REF_NAME: "x" })).toBe("x");
    expect(branchOfCi("0".repeat(40), gitHub)).toBeUndefined();
    expect(branchOfCi(COMMIT, {})).toBeUndefined();
  });
});
