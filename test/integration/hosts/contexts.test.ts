/** `vmbuild context`: names of other hosts. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

async function listed(): Promise<unknown> {
  const { stdout } = await home.run("context", "list", "--json");
  return (JSON.parse(stdout) as { contexts: unknown }).contexts;
}

it("adds, uses, lists and removes contexts", async () => {
  const address = "ssh://me@builder.example.org:2222/srv/vmbuild";
  expect(await home.run("context", "add", "builder", address)).toMatchObject({ exitCode: 0 });
  expect(await listed()).toEqual([
    { name: "local", address: null, current: true },
    { name: "builder", address, current: false },
  ]);
  expect(await home.run("context", "use", "builder")).toMatchObject({ exitCode: 0 });
  expect(await listed()).toMatchObject([{ current: false }, { current: true }]);
  expect((await home.run("context", "list")).stdout).toContain("*  builder");
  // In spite of the context, these work on this host.
  expect(await home.run("list", "--names", "--on", "local")).toMatchObject({ exitCode: 0 });
  const variable = { ...home.env, VMBUILD_CONTEXT: "local" };
  expect(await home.runWith(variable, "list", "--names")).toMatchObject({ exitCode: 0 });

  expect(await home.run("context", "rm", "builder")).toMatchObject({ exitCode: 0 });
  expect(await listed()).toEqual([{ name: "local", address: null, current: true }]);
});

it("refuses names and addresses that are not valid, and contexts that do not exist", async () => {
  const cases = [
    [["context", "add", "local", "ssh://x"], "cannot be the name of a context"],
    [["context", "add", "a/b", "ssh://x"], "cannot be the name of a context"],
    [["context", "add", "x", "builder.example.org"], "is not the address of a host"],
    [["context", "use", "nowhere"], "There is no context nowhere"],
    [["context", "rm", "nowhere"], "There is no context nowhere"],
    [["list", "--on", "nowhere"], "There is no context nowhere"],
    [["run", "x.json", "--on", "https://builder"], "is not the address of a host"],
  ] as const;
  for (const [args, message] of cases) {
    const result = await home.run(...args);
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).toContain(message);
  }
});
