/**
 * The shell lines of the workflows in docs/ci.md, run one after the other. The templates need no
 * guest: an installed disk from the cache, which no step changes, is published as it is. `gh` and
 * `curl` are stand-ins that only print their arguments.
 */
import { chmod, readFile, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { cacheInstalledDisk } from "../../support/installed-disk.js";

interface GithubWorkflow {
  readonly jobs: Record<string, { readonly steps: { name?: string; run?: string }[] }>;
}
type GitlabWorkflow = Record<
  string,
  { readonly script?: string[]; readonly after_script?: string[] }
>;

const page = await readFile(new URL("../../../docs/ci.md", import.meta.url), "utf8");
const [github, gitlab] = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(
  ([, text = ""]): unknown => parse(text),
) as [GithubWorkflow, GitlabWorkflow];

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  vi.stubEnv("XDG_CACHE_HOME", dirname(home.cache));
  const machine = { accelerator: "auto", memory: "64M", disk: "1G" };
  await home.write({
    "appliances/root/root.json": {
      ...{ name: "root", machine, seal: false },
      base: { install: { kernel: { path: "linux" } } },
      inputs: { site: { path: "site.txt" } },
      output: { provenance: true },
    },
    "appliances/root/linux": "kernel",
    "appliances/root/site.txt": "one",
    "appliances/leaf/leaf.json": {
      ...{ name: "leaf", machine, seal: false, base: { appliance: "root" } },
    },
    "bin/vmbuild": `#!/bin/sh\nexec '${process.execPath}' '${CLI_MAIN}' "$@"\n`,
    "bin/gh": '#!/bin/sh\necho gh "$@"\n',
    "bin/curl": '#!/bin/sh\necho curl "$@"\n',
  });
  const programs = join(home.folder, "bin");
  for (const name of await readdir(programs)) await chmod(join(programs, name), 0o755);
  await cacheInstalledDisk(home, "appliances/root/root.json", "a".repeat(64));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await home[Symbol.asyncDispose]();
});

/** Runs a script as a job does; fails unless it succeeds. */
async function run(script: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...home.env, PATH: `${home.folder}/bin:${home.env["PATH"]}`, ...variables };
  const options = { cwd: home.folder, env, extendEnv: false, all: true } as const;
  return (await execa("bash", ["-e", "-c", script], options)).all;
}

/** Runs a step of the workflow for GitHub. */
function step(job: string, name: string, variables?: Record<string, string>): Promise<string> {
  const script = github.jobs[job]?.steps.find((one) => one.name === name)?.run;
  return run(script ?? `false # there is no step ${name}`, variables);
}

it("build, find what is newer, rebuild it and release it", async () => {
  const outputs = { GITHUB_OUTPUT: join(home.folder, "outputs") };
  const images = async (): Promise<unknown> => {
    const text = await readFile(join(home.folder, "result.json"), "utf8");
    const { results } = JSON.parse(text) as { results: { name: string; upToDate: boolean }[] };
    return Object.fromEntries(results.map((one) => [one.name, one.upToDate]));
  };
  expect(await step("images", "Check the templates")).toContain("leaf.json: valid");
  await step("images", "Find newer versions", outputs);
  await step("images", "Build what has changed");
  expect(await images()).toEqual({ root: false, leaf: false });

  // The next job has the cache and the output folder, but not the records.
  await rm(home.builds, { recursive: true });
  await home.write({ "appliances/root/site.txt": "two" });
  await step("images", "Find newer versions", outputs);
  const [, NAMES = ""] = /^names=(.+)$/m.exec(await readFile(outputs.GITHUB_OUTPUT, "utf8")) ?? [];
  expect(NAMES.split(" ").toSorted()).toEqual(["leaf", "root"]);
  await step("images", "Rebuild what is outdated", { NAMES });
  await step("images", "Build what has changed");
  expect(await images()).toEqual({ root: true, leaf: true });
  expect(await step("images", "Show the error")).toContain('"type":"run.');

  const released = await step("release", "Create the release", { GITHUB_REF_NAME: "v1" });
  expect(released).toContain("gh release create v1 --verify-tag --generate-notes assets/");
  expect(await readdir(join(home.folder, "assets"))).toEqual([
    ...["leaf-0.0.0.qcow2", "leaf-0.0.0.qcow2.md5", "leaf-0.0.0.qcow2.sha256"],
    ...["leaf.manifest.json", "root-0.0.0.qcow2", "root-0.0.0.qcow2.intoto.jsonl"],
    ...["root-0.0.0.qcow2.md5", "root-0.0.0.qcow2.sha256", "root.manifest.json"],
  ]);

  await home.write({ "appliances/root/site.txt": "three" });
  for (const script of gitlab["rebuild"]?.script ?? []) await run(script);
  expect(await images()).toEqual({ root: false, leaf: false });
  const target = { CI_API_V4_URL: "https://git/api", CI_PROJECT_ID: "7", CI_COMMIT_TAG: "v1" };
  const uploads = await run(gitlab["publish"]?.script?.join("\n") ?? "false", {
    ...{ ...target, CI_JOB_TOKEN: "token" },
  });
  expect(uploads).toContain(
    "https://git/api/projects/7/packages/generic/leaf/v1/leaf-0.0.0.qcow2.sha256",
  );
}, 180_000);
