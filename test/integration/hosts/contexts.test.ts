/** `vmbuild context`: names of other hosts. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

it("adds, uses, lists and removes contexts", async () => {
  const address = "ssh://me@builder.example.org:2222/srv/vmbuild";
  expect(await home.run("context", "add", "builder", address)).toMatchObject({ exitCode: 0 });
  expect(await home.run("context", "use", "builder")).toMatchObject({ exitCode: 0 });
  const { stdout } = await home.run("context", "list", "--json");
  expect(JSON.parse(stdout)).toEqual({
    contexts: [
      { name: "local", address: null, current: false },
      { name: "builder", address, current: true },
    ],
  });
  // In spite of the context, this works on this host.
  expect(await home.run("list", "--on", "local")).toMatchObject({ exitCode: 0 });
  const unknown = await home.run("list", "--on", "nowhere");
  expect(unknown).toMatchObject({ exitCode: 2, stdout: "" });
  expect(unknown.stderr).toContain("The contexts are local, builder.");
  expect(await home.run("context", "rm", "builder")).toMatchObject({ exitCode: 0 });
  expect((await home.run("context", "list")).stdout).toBe("*  local  this host");
});
